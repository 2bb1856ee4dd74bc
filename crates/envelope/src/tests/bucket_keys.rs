//! The rules of bucket keys.

use futures::future::join_all;

use super::*;
use crate::windows::Window;

#[tokio::test]
async fn a_thousand_cold_writes_of_one_requester_are_one_call() {
    let world = World::new();
    let alice = user("alice");
    world.kms.close_gate();
    let puts: Vec<_> = (0..1000)
        .map(|_| {
            let (envelope, alice) = (world.envelope.clone(), alice.clone());
            let (bucket, key) = (world.bucket.clone(), world.key.clone());
            tokio::spawn(
                async move { envelope.seal(&alice, &bucket, &key, ObjectId::random(), &under("a", true)).await },
            )
        })
        .collect();
    settle().await;
    assert_eq!(world.calls(), (1, 0));
    world.kms.open_gate();
    let sealings: Vec<_> = join_all(puts).await.into_iter().map(|put| put.unwrap().unwrap()).collect();
    assert_eq!(world.calls(), (1, 0));
    assert_eq!(world.shelf.len(), 1);
    assert!(sealings.iter().all(|sealing| sealing.keys.bucket_key() == sealings[0].keys.bucket_key()));
    // Who did not make the call himself was authorized all the same.
    assert_eq!(world.kms.rechecks(), 999);
}

#[tokio::test]
async fn a_thousand_cold_reads_of_one_requester_are_one_call() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.kms.close_gate();
    let reads = join_all((0..1000).map(|_| world.open(&alice, &object)));
    let opener = async {
        settle().await;
        world.kms.open_gate();
    };
    let (reads, ()) = futures::future::join(reads, opener).await;
    assert!(reads.into_iter().all(|read| read.unwrap() == CONTENT));
    assert_eq!(world.calls(), (1, 1));
}

#[tokio::test]
async fn without_a_bucket_key_every_object_is_a_call() {
    let world = World::new();
    let alice = user("alice");
    for _ in 0..3 {
        let object = world.seal(&alice, &under("a", false)).await.unwrap();
        world.open(&alice, &object).await.unwrap();
    }
    assert_eq!(world.calls(), (3, 3));
    assert!(world.envelope.counters().snapshot().is_empty());
}

#[tokio::test]
async fn a_write_does_not_make_its_requester_able_to_read() {
    let world = World::new();
    let alice = user("alice");
    world.kms.deny(&alice, Operation::Decrypt);
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    assert_denied(world.open(&alice, &object).await);
    assert_eq!(world.calls(), (1, 1), "the read asked the key service");
    // Allowed to read, it still asks: the write's window is not the read's.
    world.kms.allow(&alice, Operation::Decrypt);
    world.open(&alice, &object).await.unwrap();
    assert_eq!(world.calls(), (1, 2));
}

#[tokio::test]
async fn a_read_does_not_make_its_requester_able_to_write() {
    let world = World::new();
    let (alice, bob) = (user("alice"), user("bob"));
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.kms.deny(&bob, Operation::GenerateDataKey);
    world.open(&bob, &object).await.unwrap();
    assert_denied(world.seal(&bob, &under("a", true)).await);
}

#[tokio::test]
async fn every_requesters_first_use_is_a_call_in_its_own_name() {
    let world = World::new();
    let callers = [
        user("alice"),
        user("bob"),
        session("reader", "one", 0),
        session("writer", "one", 0),
        session("reader", "one", 1),
    ];
    for caller in &callers {
        let object = world.seal(caller, &under("a", true)).await.unwrap();
        world.open(caller, &object).await.unwrap();
    }
    assert_eq!(world.calls(), (5, 5));
    // Another session of the same role and scope is the same requester.
    let object = world.seal(&session("reader", "two", 0), &under("a", true)).await.unwrap();
    assert_eq!(world.calls(), (5, 5));
    world.open(&session("reader", "three", 0), &object).await.unwrap();
    assert_eq!(world.calls(), (5, 5));
    let mut principals: Vec<_> = world.kms.calls().into_iter().map(|call| call.principal).collect();
    principals.dedup();
    assert_eq!(principals.len(), 5, "{principals:?}");
}

#[tokio::test]
async fn a_requester_reads_what_another_wrote_by_its_own_call() {
    let world = World::new();
    let (alice, bob) = (user("alice"), user("bob"));
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.open(&alice, &object).await.unwrap();
    world.kms.deny(&bob, Operation::Decrypt);
    assert_denied(world.open(&bob, &object).await);
    world.kms.allow(&bob, Operation::Decrypt);
    world.open(&bob, &object).await.unwrap();
    assert_eq!(world.calls(), (1, 3));
}

#[tokio::test]
async fn other_buckets_keys_and_contexts_have_their_own_bucket_keys() {
    let world = World::new();
    let alice = user("alice");
    let with = |pairs: &[(&str, &str)]| Protection::Kms {
        key: named(key_arn("a").as_str()),
        context: context(pairs),
        bucket_key: true,
    };
    for protection in [under("a", true), under("b", true), with(&[("ab", "c")]), with(&[("a", "bc")])] {
        world.seal(&alice, &protection).await.unwrap();
        world.seal(&alice, &protection).await.unwrap();
    }
    assert_eq!(world.calls(), (4, 0));
    let elsewhere: BucketName = "elsewhere".parse().unwrap();
    let id = ObjectId::random();
    world.envelope.seal(&alice, &elsewhere, &world.key, id, &under("a", true)).await.unwrap();
    assert_eq!(world.calls(), (5, 0));
}

#[tokio::test]
async fn a_window_ends_after_its_time_and_its_plaintext_with_it() {
    let world = World::new();
    let alice = user("alice");
    let first = world.seal(&alice, &under("a", true)).await.unwrap();
    world.open(&alice, &first).await.unwrap();
    let window = world.envelope.sources().writing.peek(|named| Some(named.id) == first.keys.bucket_key());
    world.advance(WINDOW - Duration::from_millis(1)).await;
    let second = world.seal(&alice, &under("a", true)).await.unwrap();
    world.open(&alice, &first).await.unwrap();
    assert_eq!(second.keys.bucket_key(), first.keys.bucket_key());
    assert_eq!(world.calls(), (1, 1));
    assert!(window.source().is_some());

    world.advance(Duration::from_millis(1)).await;
    assert!(window.source().is_none(), "nobody used the window, and still its key is gone");
    let third = world.seal(&alice, &under("a", true)).await.unwrap();
    world.open(&alice, &first).await.unwrap();
    assert_ne!(third.keys.bucket_key(), first.keys.bucket_key());
    assert_eq!(world.calls(), (2, 2));
}

#[tokio::test]
async fn a_window_ends_after_its_objects() {
    let world = World::with(BucketKeyConfig { max_objects: 3, ..BucketKeyConfig::default() });
    let alice = user("alice");
    for _ in 0..9 {
        world.seal(&alice, &under("a", true)).await.unwrap();
    }
    assert_eq!((world.calls(), world.shelf.len()), ((3, 0), 3));
    // Also when they come at once: no window seals more than its objects.
    let protection = under("a", true);
    let sealed = join_all((0..30).map(|_| world.seal(&alice, &protection))).await;
    let mut per_key = std::collections::HashMap::new();
    for object in sealed {
        *per_key.entry(object.unwrap().keys.bucket_key().unwrap()).or_insert(0) += 1;
    }
    assert!(per_key.values().all(|&objects| objects <= 3), "{per_key:?}");
}

#[tokio::test]
async fn a_window_ends_after_its_bytes() {
    let world = World::with(BucketKeyConfig { max_bytes: 1000, ..BucketKeyConfig::default() });
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.envelope.report_sealed(&object.keys, 999);
    world.seal(&alice, &under("a", true)).await.unwrap();
    assert_eq!(world.calls(), (1, 0));
    world.envelope.report_sealed(&object.keys, 1);
    world.seal(&alice, &under("a", true)).await.unwrap();
    assert_eq!(world.calls(), (2, 0));
    // A sum beyond all bounds does not wrap round to an open window.
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.envelope.report_sealed(&object.keys, 999);
    world.envelope.report_sealed(&object.keys, u64::MAX);
    world.seal(&alice, &under("a", true)).await.unwrap();
    assert_eq!(world.calls(), (3, 0));
}

#[test]
fn threads_that_race_for_the_last_object_do_not_share_it() {
    let now = ManualClock::default().now();
    for _ in 0..300 {
        let limits = BucketKeyConfig { max_objects: 20, ..BucketKeyConfig::default() };
        let window = Window::new(arqueta_seal::SourceKey::random(), (), now, limits);
        let admitted: usize = std::thread::scope(|scope| {
            let race = || std::iter::from_fn(|| window.admit(now)).take(100).count();
            let racers: Vec<_> = (0..4).map(|_| scope.spawn(race)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        // The first one is of who opened the window.
        assert_eq!(admitted, 19);
    }
}

#[tokio::test]
async fn a_hit_is_authorized_again() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.open(&alice, &object).await.unwrap();
    world.kms.deny(&alice, Operation::GenerateDataKey);
    assert_denied(world.seal(&alice, &under("a", true)).await);
    world.open(&alice, &object).await.unwrap();
    world.kms.deny(&alice, Operation::Decrypt);
    assert_denied(world.open(&alice, &object).await);
    // Permission that comes back finds the window still open: a denied hit ends nothing.
    world.kms.allow(&alice, Operation::Decrypt);
    world.open(&alice, &object).await.unwrap();
    assert_eq!(world.calls(), (1, 1));
}

#[tokio::test]
async fn disabling_a_key_takes_effect_on_the_next_request() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.open(&alice, &object).await.unwrap();
    world.kms.set_state(&key_arn("a"), KeyState::Disabled);
    let is_disabled =
        |error: Error| matches!(&error, Error::Kms(error) if matches!(**error, arqueta_kms::Error::Disabled { .. }));
    assert!(is_disabled(world.open(&alice, &object).await.unwrap_err()));
    assert!(is_disabled(world.seal(&alice, &under("a", true)).await.err().unwrap()));
    world.kms.set_state(&key_arn("a"), KeyState::Enabled);
    world.open(&alice, &object).await.unwrap();
}

#[tokio::test]
async fn a_retargeted_alias_is_noticed_by_the_next_write() {
    let world = World::new();
    let alice = user("alice");
    let protection =
        Protection::Kms { key: named("alias/it"), context: EncryptionContext::default(), bucket_key: true };
    world.kms.alias("alias/it", key_arn("a"));
    let first = world.seal(&alice, &protection).await.unwrap();
    // The alias and the key itself are one key.
    let same = world.seal(&alice, &under("a", true)).await.unwrap();
    assert_eq!(first.keys.bucket_key(), same.keys.bucket_key());
    world.kms.alias("alias/it", key_arn("b"));
    let second = world.seal(&alice, &protection).await.unwrap();
    assert_eq!((first.keys.key_arn(), second.keys.key_arn()), (Some(&key_arn("a")), Some(&key_arn("b"))));
    assert_eq!(world.open(&alice, &first).await.unwrap(), CONTENT);
}

#[tokio::test]
async fn an_evicted_key_that_is_still_in_use_stays_whole() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    let sources = world.envelope.sources();
    let window = sources.writing.peek(|named| Some(named.id) == object.keys.bucket_key());
    let in_use = window.source().unwrap().0;
    let before = *in_use.expose();
    drop(window);
    sources.writing.evict_all();
    world.advance(WINDOW).await;
    assert_eq!(in_use.expose(), &before);
    assert_ne!(in_use.expose(), &[0; 32]);

    // Whatever was evicted in the middle of a thousand uses, every object opens.
    let objects = join_all((0..1000).map(|n| {
        let (world, alice) = (&world, &alice);
        async move {
            if n % 7 == 0 {
                world.envelope.sources().writing.evict_all();
                world.envelope.sources().reading.evict_all();
            }
            world.seal(alice, &under("a", true)).await.unwrap()
        }
    }))
    .await;
    for object in &objects {
        assert_eq!(world.open(&alice, object).await.unwrap(), CONTENT);
    }
}

#[tokio::test]
async fn counters_tell_hits_misses_and_calls_saved() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    for _ in 0..4 {
        world.seal(&alice, &under("a", true)).await.unwrap();
        world.open(&alice, &object).await.unwrap();
    }
    // Denied uses are neither.
    world.kms.deny(&alice, Operation::Decrypt);
    assert_denied(world.open(&alice, &object).await);
    let count = |direction, hits, misses| CountersOf {
        bucket: world.bucket.clone(),
        key: key_arn("a"),
        direction,
        hits,
        misses,
    };
    let snapshot = world.envelope.counters().snapshot();
    assert_eq!(snapshot, [count(Direction::Write, 4, 1), count(Direction::Read, 3, 1)]);
    assert_eq!(snapshot.iter().map(CountersOf::calls_saved).sum::<u64>(), 7);
}
