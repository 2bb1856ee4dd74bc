//! Looks for a request that is allowed: the open keys get one value of each kind after the other, and what can
//! be said already cuts off what need not be tried.

use std::collections::BTreeSet;
use std::net::IpAddr;

use arqueta_iam::{Identity, Person};
use arqueta_model::PrincipalKind;
use arqueta_policy::{BUDGET, ConditionKeys, Outlook, Request, samples};

use crate::ask::{Ask, Foreseen};

/// Steps of the search for one principal.
const STEPS: usize = 4000;
/// Comparisons of all searches of a review together: some seconds.
const COMPARISONS: u64 = 256 * BUDGET;

/// Values of open keys; none where the key is absent.
pub(crate) type Assignment = Vec<(String, Vec<String>)>;

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With a request that is allowed.
    Found(Assignment),
    /// No request is.
    Nothing,
    /// Nobody can tell: values that were not tried might be, or there was no time for all.
    Undecided,
}

/// What all searches of a review may still cost.
pub(crate) struct Purse(u64);

impl Purse {
    pub(crate) fn full() -> Self {
        Self(COMPARISONS)
    }

    pub(crate) fn pay(&mut self, steps: u64) {
        self.0 = self.0.saturating_sub(steps);
    }
}

/// Keys that every request has.
const ALWAYS: [&str; 8] = [
    "aws:sourceip",
    "aws:securetransport",
    "aws:currenttime",
    "aws:epochtime",
    "aws:useragent",
    "aws:viaawsservice",
    "aws:userid",
    "kms:encryptionalgorithm",
];

/// A search for one principal.
pub(crate) struct Search<'a> {
    asks: &'a [Ask],
    identity: &'a Identity,
    known: Vec<ConditionKeys<'a>>,
    takes_tags: bool,
    /// Open keys and the values to try.
    order: Vec<(String, Vec<Vec<String>>)>,
    complete: bool,
    tried: usize,
}

/// What can be said of all asks together, and of each.
pub(crate) fn foresee_all(
    asks: &[Ask],
    person: &Person,
    purse: &mut Purse,
) -> (Outlook, Vec<Foreseen>, BTreeSet<String>) {
    let identity = &person.identity;
    let (mut all, mut each) = (Outlook::Always, Vec::with_capacity(asks.len()));
    let mut undecided = BTreeSet::new();
    for ask in asks {
        let open = ask.open(identity, person.takes_tags);
        let foreseen = ask.foresee(identity, &ask.keys(identity), &open);
        purse.pay(foreseen.steps);
        all = all.min(foreseen.outlook);
        undecided.extend(keys_of(ask, identity, &foreseen).filter(|name| open.contains(name)));
        each.push(foreseen);
    }
    (all, each, undecided)
}

/// Keys that the undecided statements and grants ask for.
fn keys_of<'a>(ask: &'a Ask, identity: &'a Identity, foreseen: &'a Foreseen) -> impl Iterator<Item = String> + 'a {
    use arqueta_policy::PolicyType;
    let policy = |mention: &arqueta_policy::Mention| match mention.of {
        PolicyType::Identity => identity.policies.get(mention.policy).map(AsRef::as_ref),
        PolicyType::Boundary => identity.boundary.as_deref(),
        PolicyType::Session => None,
        PolicyType::Resource | PolicyType::Trust => ask.side(identity).policy,
    };
    let uncertain = foreseen.mentions.iter().filter(|mention| !mention.certain);
    let statements = uncertain.filter_map(move |mention| policy(mention)?.statements().get(mention.statement));
    let keys = statements.flat_map(|statement| statement.condition_keys().map(str::to_lowercase).collect::<Vec<_>>());
    let grants = foreseen.granted.iter().filter(|(_, outlook)| *outlook == Outlook::Depends);
    let pairs = grants.flat_map(|(at, _)| {
        let grant = &ask.grants[*at];
        grant
            .equals
            .iter()
            .chain(&grant.subset)
            .flat_map(|context| context.pairs())
            .map(|(name, _)| name.to_lowercase())
    });
    keys.chain(pairs.map(|name| format!("kms:encryptioncontext:{name}")))
}

impl<'a> Search<'a> {
    /// Over the values of `open` keys.
    pub(crate) fn new(asks: &'a [Ask], person: &'a Person, open: &BTreeSet<String>) -> Self {
        let identity = &person.identity;
        let known = asks.iter().map(|ask| ask.keys(identity)).collect();
        let mut search =
            Self { asks, identity, known, takes_tags: person.takes_tags, order: Vec::new(), complete: true, tried: 0 };
        for name in open {
            let values = search.values(name);
            search.order.push((name.clone(), values));
        }
        search
    }

    /// Looks for a request that all asks allow.
    pub(crate) fn run(mut self, purse: &mut Purse) -> Ended {
        let mut open: BTreeSet<String> = self.order.iter().map(|(name, _)| name.clone()).collect();
        let mut chosen = Vec::new();
        let found = self.go(0, &mut open, &mut chosen, purse);
        // What was foreseen is held against the evaluator: an example is nothing less than a decision.
        let allowed =
            |(ask, known): (&Ask, &ConditionKeys<'_>)| ask.is_allowed(self.identity, &self.with(ask, known, &chosen));
        match found {
            true if self.asks.iter().zip(&self.known).all(allowed) => Ended::Found(chosen),
            false if self.complete && self.tried < STEPS => Ended::Nothing,
            _ => Ended::Undecided,
        }
    }

    fn go(&mut self, at: usize, open: &mut BTreeSet<String>, chosen: &mut Assignment, purse: &mut Purse) -> bool {
        self.tried += 1;
        if self.tried >= STEPS || purse.0 == 0 {
            self.complete = false;
            return false;
        }
        let mut outlook = Outlook::Always;
        for (ask, known) in self.asks.iter().zip(&self.known) {
            let foreseen = ask.foresee(self.identity, &self.with(ask, known, chosen), open);
            purse.pay(foreseen.steps);
            outlook = outlook.min(foreseen.outlook);
            if outlook == Outlook::Never {
                return false;
            }
        }
        if outlook == Outlook::Always {
            return true;
        }
        let Some((name, values)) = self.order.get(at).cloned() else {
            self.complete = false;
            return false;
        };
        open.remove(&name);
        for value in values {
            chosen.push((name.clone(), value));
            if self.go(at + 1, open, chosen, purse) {
                return true;
            }
            chosen.pop();
        }
        open.insert(name);
        false
    }

    /// What is known, and what was chosen for what is not.
    fn with(&self, ask: &Ask, known: &ConditionKeys<'a>, chosen: &Assignment) -> ConditionKeys<'a> {
        let mut keys = known.clone();
        for (name, values) in chosen.iter().filter(|(name, _)| !ask.knows(name, self.identity, self.takes_tags)) {
            keys.insert_all(name, values.iter().map(String::as_str));
        }
        keys
    }

    /// Values to try, likely ones first.
    fn values(&mut self, name: &str) -> Vec<Vec<String>> {
        let mut texts = BTreeSet::new();
        let mut sets = false;
        for (ask, known) in self.asks.iter().zip(&self.known) {
            let request = Request { action: &ask.action, resource: &ask.resource, keys: known };
            let found = samples(self.identity, &request, ask.side(self.identity), name);
            self.complete &= found.are_complete() && !found.have_sets();
            sets |= found.have_sets();
            texts.extend(found.values().map(str::to_owned));
            texts.extend(ask.granted_values(name));
        }
        possible(name, &mut texts);
        let all = sets.then(|| texts.iter().cloned().collect::<Vec<_>>());
        let mut values: Vec<Vec<String>> = texts.into_iter().map(|text| vec![text]).collect();
        values.extend(all.filter(|all| all.len() > 1));
        let is_session = self.identity.principal.kind == PrincipalKind::AssumedRole;
        if !(ALWAYS.contains(&name)
            || is_session && matches!(name, "aws:tokenissuetime" | "aws:multifactorauthpresent"))
        {
            values.push(Vec::new());
        }
        values
    }
}

/// Keeps what a request can say of a key, and adds what there is beside.
fn possible(name: &str, texts: &mut BTreeSet<String>) {
    let mut only = |values: &[&str]| *texts = values.iter().map(|text| (*text).to_owned()).collect();
    match name {
        "aws:securetransport" | "aws:viaawsservice" => only(&["true", "false"]),
        // Nobody here has a second factor.
        "aws:multifactorauthpresent" => only(&["false"]),
        "aws:sourceip" => {
            texts.retain(|text| text.parse::<IpAddr>().is_ok());
            // One for documentation (RFC 5737).
            texts.insert("192.0.2.1".to_owned());
        }
        "aws:currenttime" | "aws:tokenissuetime" => {
            texts.retain(|text| text.starts_with(|c: char| c.is_ascii_digit()));
            texts.insert("2026-01-01T00:00:00Z".to_owned());
        }
        "aws:epochtime" => {
            texts.retain(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            texts.insert("1767225600".to_owned());
        }
        _ => {}
    }
}
