//! The law of multi-Region keys: whatever is lost, repeated, reordered or restarted, at no moment
//! are there two primaries, and what one Region encrypts the others open; once everything arrives,
//! all Regions agree.

use proptest::prelude::*;

use super::*;
use crate::schema::{KeyRecord, Lifecycle};

const REGIONS: [&str; 3] = [HOME, AWAY, "ap-south-1"];

/// One thing that happens, in or between Regions.
#[derive(Debug, Clone)]
enum Step {
    Replicate {
        from: usize,
        to: usize,
    },
    Rotate(usize),
    EnableRotation(usize),
    DisableRotation(usize),
    HandOver {
        from: usize,
        to: usize,
    },
    /// A replica is deleted and its waiting period passes.
    Delete(usize),
    Tell {
        from: usize,
        to: usize,
    },
    Restart(usize),
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        4 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        2 => Just(Fate::AnswerLost),
        2 => Just(Fate::Twice),
        2 => (0..12usize).prop_map(Fate::AfterOlder),
    ];
    prop::collection::vec(fate, 0..5)
}

fn steps() -> impl Strategy<Value = Vec<(Step, Vec<Fate>)>> {
    let (one, other) = (0..3usize, 0..3usize);
    let step = prop_oneof![
        3 => (one.clone(), other.clone()).prop_map(|(from, to)| Step::Replicate { from, to }),
        3 => one.clone().prop_map(Step::Rotate),
        1 => one.clone().prop_map(Step::EnableRotation),
        1 => one.clone().prop_map(Step::DisableRotation),
        4 => (one.clone(), other.clone()).prop_map(|(from, to)| Step::HandOver { from, to }),
        1 => one.clone().prop_map(Step::Delete),
        4 => (one.clone(), other).prop_map(|(from, to)| Step::Tell { from, to }),
        1 => one.prop_map(Step::Restart),
    ];
    prop::collection::vec((step, fates()), 1..24)
}

fn member(id: &str, at: usize) -> KeyArn {
    KeyArn::new(&region(REGIONS[at]), &ACCOUNT.parse().unwrap(), id)
}

/// Refusals are part of life here; what counts is what holds afterwards.
async fn take(globe: &mut Globe, id: &str, step: Step) {
    match step {
        Step::Replicate { from, to } => {
            let _ = globe.replicate(&member(id, from), REGIONS[to]).await;
        }
        Step::Rotate(at) => {
            let _ = globe.rotate(&member(id, at)).await;
        }
        Step::EnableRotation(at) => {
            let request =
                EnableKeyRotationRequest { key_id: member(id, at).to_string(), rotation_period_in_days: Some(2000) };
            let _ = globe.at(REGIONS[at]).enable_key_rotation(&globe.root, request).await;
        }
        Step::DisableRotation(at) => {
            let request = DisableKeyRotationRequest { key_id: member(id, at).to_string() };
            let _ = globe.at(REGIONS[at]).disable_key_rotation(&globe.root, request).await;
        }
        Step::HandOver { from, to } => {
            let _ = globe.hand_over(&member(id, from), REGIONS[to]).await;
        }
        Step::Delete(at) => {
            let kms = globe.at(REGIONS[at]);
            if globe.record(kms, id).is_some_and(|record| !kms.leads(&record)) {
                let _ = globe.schedule(&member(id, at)).await;
                globe.clock.advance(8 * DAY);
                kms.run_due().await.unwrap();
            }
        }
        Step::Tell { from, to } if from != to => {
            let _ = globe.at(REGIONS[from]).tell(&region(REGIONS[to])).await;
        }
        Step::Tell { .. } => {}
        Step::Restart(at) => globe.restart(at).await,
    }
}

fn members(globe: &Globe, id: &str) -> Vec<(usize, KeyRecord)> {
    let at = |n: usize| Some((n, globe.record(globe.at(REGIONS[n]), id)?));
    (0..REGIONS.len()).filter_map(at).collect()
}

fn primaries(globe: &Globe, id: &str) -> usize {
    members(globe, id).iter().filter(|(at, record)| globe.at(REGIONS[*at]).leads(record)).count()
}

/// What any Region encrypts, every Region that works opens.
async fn all_open(globe: &Globe, id: &str) {
    let works =
        |record: &KeyRecord| matches!(record.lifecycle, Lifecycle::Enabled | Lifecycle::Updating { enabled: true });
    let members: Vec<_> = members(globe, id).into_iter().filter(|(_, record)| works(record)).collect();
    for (from, _) in &members {
        let Ok(sealed) = globe.encrypt(&member(id, *from), b"law").await else { continue };
        for (to, _) in &members {
            let opened = globe.decrypt(&member(id, *to), &sealed).await;
            assert_eq!(opened.unwrap(), b"law", "{} to {}", REGIONS[*from], REGIONS[*to]);
        }
    }
}

fn agree(globe: &Globe, id: &str) {
    let members = members(globe, id);
    let (_, first) = &members[0];
    let regions = first.multi_region.clone().unwrap();
    let ids = |record: &KeyRecord| record.versions.iter().map(|version| version.id.clone()).collect::<Vec<_>>();
    for (at, record) in &members {
        assert_eq!(record.multi_region.as_ref(), Some(&regions), "{}", REGIONS[*at]);
        assert_eq!((ids(record), record.rotation), (ids(first), first.rotation), "{}", REGIONS[*at]);
        assert!(!matches!(record.lifecycle, Lifecycle::Creating | Lifecycle::Updating { .. }), "{}", REGIONS[*at]);
    }
    assert_eq!(regions.waiting, None);
    assert_eq!(members.len(), 1 + regions.replicas.len(), "those that have it are those that are listed");
    assert!(members.iter().all(|(at, _)| errands(globe.at(REGIONS[*at])) == 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn regions_never_have_two_primaries_and_agree_once_healed(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut globe = Globe::new(&REGIONS).await;
            let id = globe.primary().await.key_id().to_owned();
            let _ = globe.replicate(&member(&id, 0), AWAY).await;
            for (step, fates) in steps {
                for link in globe.links.values() {
                    (*link.fates.lock().unwrap()).clone_from(&fates);
                }
                take(&mut globe, &id, step).await;
                assert!(primaries(&globe, &id) <= 1, "two primaries");
                for link in globe.links.values() {
                    link.fates.lock().unwrap().clear();
                }
                all_open(&globe, &id).await;
            }
            globe.settle().await;
            assert_eq!(primaries(&globe, &id), 1);
            agree(&globe, &id);
            all_open(&globe, &id).await;
        });
    }
}
