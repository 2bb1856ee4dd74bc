//! What changes cost: which wait for each other, and what they look at.

use std::pin::pin;

use arqueta_kms::testing::user;
use arqueta_model::Clock as _;
use arqueta_store::{Counting, Slow};

use super::*;

const EACH: Duration = Duration::from_millis(1);

/// A service on a store that takes its time, and the commits that were begun there.
struct Slowly {
    kms: Embedded,
    commits: Counting<Slow<Arc<MemoryMeta>>>,
    time: Arc<ManualClock>,
    root: Caller,
}

impl Slowly {
    async fn new() -> Self {
        let time = Arc::new(ManualClock::default());
        let commits = Counting::new(Slow::new(Arc::new(MemoryMeta::new()), time.clone(), EACH));
        let (meta, audit) = (Arc::new(commits.clone()), Arc::new(MemoryAudit::default()));
        let kms = passing(&time, Embedded::open(meta, audit, Arc::new(ManualClock::default()), config([7; 32]))).await;
        Self { kms: kms.unwrap(), commits, time, root: root(ACCOUNT) }
    }

    async fn key(&self) -> String {
        let made = passing(&self.time, self.kms.create_key(&self.root, CreateKeyRequest::default())).await;
        made.unwrap().key_metadata.arn
    }

    fn disable(&self, key: &str) -> tokio::task::JoinHandle<Result<(), Error>> {
        let (kms, root, key_id) = (self.kms.clone(), self.root.clone(), key.to_owned());
        tokio::spawn(async move { kms.disable_key(&root, DisableKeyRequest { key_id }).await })
    }

    /// Commits that are begun while nothing in the store comes to its end.
    async fn begun(&self, before: u64) -> u64 {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.commits.writes() - before
    }
}

/// Waits for `work` while the store's time passes.
async fn passing<T>(time: &ManualClock, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let std::task::Poll::Ready(done) = futures::poll!(work.as_mut()) {
            return done;
        }
        time.advance(EACH);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn changes_of_different_keys_are_in_the_store_at_once_and_those_of_one_key_are_not() {
    let world = Slowly::new().await;
    let (one, two) = (world.key().await, world.key().await);
    let keys = [one.clone(), two, world.key().await, world.key().await];

    let before = world.commits.writes();
    let changes: Vec<_> = keys.iter().map(|key| world.disable(key)).collect();
    assert!(world.begun(before).await >= 3, "they wait for each other");
    for change in changes {
        passing(&world.time, change).await.unwrap().unwrap();
    }

    let before = world.commits.writes();
    let changes = [world.disable(&one), world.disable(&one), world.disable(&one)];
    assert_eq!(world.begun(before).await, 1, "the second starts from what the first leaves");
    for change in changes {
        passing(&world.time, change).await.unwrap().unwrap();
    }
    assert_eq!(world.commits.writes() - before, 3);
}

#[tokio::test]
async fn an_alias_waits_for_the_change_of_a_key_and_the_key_for_the_alias() {
    let world = Slowly::new().await;
    let key = world.key().await;
    let (kms, root, target_key_id) = (world.kms.clone(), world.root.clone(), key.clone());
    let before = world.commits.writes();
    let first = world.disable(&key);
    assert_eq!(world.begun(before).await, 1);
    let alias = CreateAliasRequest { alias_name: "alias/a".into(), target_key_id };
    let alias = tokio::spawn(async move { kms.create_alias(&root, alias).await });
    let last = world.disable(&key);
    assert_eq!(world.begun(before).await, 1);
    for change in [first, alias, last] {
        passing(&world.time, change).await.unwrap().unwrap();
    }
    assert_eq!(world.commits.writes() - before, 3);
}

#[tokio::test]
async fn after_a_failed_commit_the_next_change_reads_the_store_first() {
    use arqueta_store::{Fault, Faulty as FaultyStore};
    let meta = Arc::new(FaultyStore::new(MemoryMeta::new()));
    let (audit, clock) = (Arc::new(MemoryAudit::default()), Arc::new(ManualClock::default()));
    let kms = Embedded::open(meta.clone(), audit, clock, config([7; 32])).await.unwrap();
    let root = root(ACCOUNT);
    let made = kms.create_key(&root, CreateKeyRequest::default()).await.unwrap();
    let request = || DisableKeyRequest { key_id: made.key_metadata.arn.clone() };
    meta.fail_always(Some(Fault::Refused));
    assert!(kms.disable_key(&root, request()).await.is_err());
    assert!(kms.disable_key(&root, request()).await.is_err(), "what is in the store cannot be told");
    assert!(kms.enable_key(&root, EnableKeyRequest { key_id: made.key_metadata.arn.clone() }).await.is_err());
    meta.fail_always(None);
    kms.disable_key(&root, request()).await.unwrap();
}

fn grants(key: &str, count: usize) -> impl Iterator<Item = CreateGrantRequest> {
    let grantee = |n: usize| user(ACCOUNT, &format!("user-{n}"), &[]).identity.principal.arn.to_string();
    (0..count).map(move |n| CreateGrantRequest {
        key_id: key.to_owned(),
        grantee_principal: grantee(n % 100),
        operations: vec!["Decrypt".to_owned()],
        constraints: Some(GrantConstraints {
            encryption_context_subset: Some(arqueta_kms::testing::context(&[("n", &n.to_string())])),
            ..Default::default()
        }),
        ..Default::default()
    })
}

#[tokio::test]
async fn a_grant_leaves_its_key_as_it_is() {
    let world = World::new().await;
    let key = world.key().await;
    let account = key.account().parse().unwrap();
    let now = || world.kms.state.directory().key(&account, key.key_id()).unwrap().clone();
    let before = now();
    for request in grants(key.as_str(), 3) {
        world.kms.create_grant(&world.root, request).await.unwrap();
        assert!(Arc::ptr_eq(&before, &now()), "the key was copied");
    }
}

#[tokio::test]
async fn the_clock_looks_only_at_keys_that_it_has_something_to_do_with() {
    let world = World::new().await;
    let keys = [world.key().await, world.key().await, world.key().await];
    let rotating = EnableKeyRotationRequest { key_id: keys[0].to_string(), rotation_period_in_days: Some(90) };
    world.kms.enable_key_rotation(&world.root, rotating).await.unwrap();
    world.schedule_deletion(&keys[1]).await;
    let due = |days: u32| {
        let directory = world.kms.state.directory();
        directory.due_by(world.clock.now().plus(DAY * days)).map(|(_, _, id)| id.clone()).collect::<Vec<_>>()
    };
    let [rotates, goes, _] = keys.each_ref().map(|key| key.key_id().to_owned());
    assert_eq!(due(6), [""; 0]);
    assert_eq!(due(7), std::slice::from_ref(&goes));
    assert_eq!(due(3650), [goes, rotates.clone()]);
    world.clock.advance(DAY * 7);
    world.kms.run_due().await.unwrap();
    assert_eq!(due(3650), std::slice::from_ref(&rotates), "a key that is destroyed is not looked at again");
    world.disable(&keys[0]).await;
    assert_eq!(due(3650), [""; 0], "a disabled key does not rotate");
    world.kms.enable_key(&world.root, EnableKeyRequest { key_id: rotates.clone() }).await.unwrap();
    assert_eq!(due(3650), [rotates]);
}

/// Prints figures; by hand, with `--ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout)]
async fn fifty_thousand_grants_on_one_key() {
    let world = World::new().await;
    let key = world.key().await;
    let mut made = std::time::Instant::now();
    for (n, request) in grants(key.as_str(), 50_000).enumerate() {
        world.kms.create_grant(&world.root, request).await.unwrap();
        if (n + 1) % 10_000 == 0 {
            println!("{} grants: {:?} each", n + 1, made.elapsed() / 10_000);
            world.audit.inner().take();
            made = std::time::Instant::now();
        }
    }
    let opened = std::time::Instant::now();
    world.reopened().await;
    println!("opened in {:?}", opened.elapsed());
}
