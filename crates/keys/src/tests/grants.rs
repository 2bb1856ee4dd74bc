use arqueta_kms::testing::{OTHER_ACCOUNT, context, user};
use arqueta_kms::{Decrypt, GenerateDataKey, KeyRef, Kms, Operation};

use super::*;

fn grant(key: &KeyArn, grantee: &Caller, operations: &[&str]) -> CreateGrantRequest {
    CreateGrantRequest {
        key_id: key.to_string(),
        grantee_principal: grantee.identity.principal.arn.to_string(),
        operations: operations.iter().map(|o| (*o).to_owned()).collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_grant_gives_and_its_end_takes_at_once() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    let made = world.kms.create_grant(&world.root, grant(&key, &bob, &["GenerateDataKey"])).await.unwrap();
    assert!(world.generate_as(&bob, key.as_str()).await.is_ok());
    let bound = context(&[]);
    Kms::recheck(&world.kms, &bob, Operation::GenerateDataKey, &key, &bound).await.unwrap();
    assert_eq!(
        code(Kms::recheck(&world.kms, &bob, Operation::Decrypt, &key, &bound).await),
        "AccessDeniedException",
        "no other operation"
    );
    assert_eq!(
        code(world.generate_as(&user(ACCOUNT, "eve", &[]), key.as_str()).await),
        "AccessDeniedException",
        "nobody else"
    );
    assert!(
        world
            .reopened()
            .await
            .list_grants(&world.root, ListGrantsRequest { key_id: key.to_string(), ..Default::default() })
            .await
            .unwrap()
            .grants
            .len()
            == 1
    );
    let revoke = RevokeGrantRequest { key_id: key.to_string(), grant_id: made.grant_id, dry_run: false };
    world.kms.revoke_grant(&world.root, revoke.clone()).await.unwrap();
    assert_eq!(
        code(Kms::recheck(&world.kms, &bob, Operation::GenerateDataKey, &key, &bound).await),
        "AccessDeniedException"
    );
    assert_eq!(code(world.generate_as(&bob, key.as_str()).await), "AccessDeniedException");
    assert_eq!(code(world.kms.revoke_grant(&world.root, revoke).await), "NotFoundException");
}

#[tokio::test]
async fn constraints_bind_the_context() {
    let world = World::new().await;
    let key = world.key().await;
    let (bob, carol) = (user(ACCOUNT, "bob", &[]), user(ACCOUNT, "carol", &[]));
    let pairs = Some(context(&[("dept", "hr")]));
    let equals = GrantConstraints { encryption_context_equals: pairs.clone(), ..Default::default() };
    let subset = GrantConstraints { encryption_context_subset: pairs, ..Default::default() };
    for (who, constraints) in [(&bob, equals), (&carol, subset)] {
        let request = CreateGrantRequest {
            constraints: Some(constraints),
            ..grant(&key, who, &["GenerateDataKey", "Decrypt", "DescribeKey"])
        };
        world.kms.create_grant(&world.root, request).await.unwrap();
        assert!(world.kms.describe_key(who, DescribeKeyRequest { key_id: key.to_string() }).await.is_ok());
    }
    let named = KeyRef::Named(key.to_string());
    for (pairs, equal, subset) in [
        (&[("dept", "hr")][..], true, true),
        (&[("dept", "hr"), ("more", "x")], false, true),
        (&[("dept", "HR")], false, false),
        (&[("more", "x")], false, false),
        (&[], false, false),
    ] {
        let bound = context(pairs);
        let request = GenerateDataKey { key: &named, context: &bound };
        let made = Kms::generate_data_key(&world.kms, &world.root, request).await.unwrap();
        for (who, allowed) in [(&bob, equal), (&carol, subset)] {
            assert_eq!(Kms::generate_data_key(&world.kms, who, request).await.is_ok(), allowed, "{pairs:?}");
            let open = Decrypt { wrapped: &made.wrapped, key: Some(&key), context: &bound };
            assert_eq!(Kms::decrypt(&world.kms, who, open).await.is_ok(), allowed, "{pairs:?}");
        }
    }
}

#[tokio::test]
async fn an_explicit_deny_outweighs_a_grant() {
    let world = World::new().await;
    let key = world.key().await;
    let deny =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:GenerateDataKey","Resource":"*"}]}"#;
    let bob = user(ACCOUNT, "bob", &[deny]);
    world.kms.create_grant(&world.root, grant(&key, &bob, &["GenerateDataKey"])).await.unwrap();
    assert!(message(world.generate_as(&bob, key.as_str()).await).contains("explicit deny"));
}

#[tokio::test]
async fn a_scoped_down_session_is_not_widened_by_a_grant() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    world.kms.create_grant(&world.root, grant(&key, &bob, &["GenerateDataKey"])).await.unwrap();
    let mut identity = (*bob.identity).clone();
    identity.session = Some(Arc::new([]));
    let scoped = Caller { identity: Arc::new(identity), ..bob };
    assert_eq!(code(world.generate_as(&scoped, key.as_str()).await), "AccessDeniedException");
}

#[tokio::test]
async fn a_grantee_of_another_account_needs_its_own_accounts_permission() {
    let world = World::new().await;
    let key = world.key().await;
    let (eve, bob) = (power_user(OTHER_ACCOUNT, "eve"), user(OTHER_ACCOUNT, "bob", &[]));
    for who in [&eve, &bob] {
        world.kms.create_grant(&world.root, grant(&key, who, &["GenerateDataKey"])).await.unwrap();
    }
    assert!(world.generate_as(&eve, key.as_str()).await.is_ok());
    assert_eq!(code(world.generate_as(&bob, key.as_str()).await), "AccessDeniedException");
}

#[tokio::test]
async fn a_named_grant_is_made_once() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    let request = || CreateGrantRequest { name: "n".into(), ..grant(&key, &bob, &["Encrypt"]) };
    let one = world.kms.create_grant(&world.root, request()).await.unwrap();
    let again = world.kms.create_grant(&world.root, request()).await.unwrap();
    assert_eq!(again.grant_id, one.grant_id);
    assert_ne!(again.grant_token, one.grant_token, "each answer has a token of its own");
    let other = CreateGrantRequest { operations: vec!["Decrypt".into()], ..request() };
    assert_ne!(world.kms.create_grant(&world.root, other).await.unwrap().grant_id, one.grant_id);
    let unnamed = grant(&key, &bob, &["Encrypt"]);
    let two = world.kms.create_grant(&world.root, unnamed.clone()).await.unwrap();
    assert_ne!(world.kms.create_grant(&world.root, unnamed).await.unwrap().grant_id, two.grant_id);
    let listed = ListGrantsRequest { key_id: key.to_string(), grant_id: Some(two.grant_id), ..Default::default() };
    assert_eq!(world.kms.list_grants(&world.root, listed).await.unwrap().grants.len(), 1);
}

#[tokio::test]
async fn requests_outside_the_api_are_refused() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    let good = || grant(&key, &bob, &["Encrypt"]);
    for (request, expected) in [
        (CreateGrantRequest { operations: vec!["Sign".into()], ..good() }, "ValidationException"),
        (CreateGrantRequest { dry_run: true, ..good() }, "DryRunOperationException"),
        (CreateGrantRequest { key_id: "alias/x".into(), ..good() }, "NotFoundException"),
    ] {
        assert_eq!(code(world.kms.create_grant(&world.root, request.clone()).await), expected, "{request:?}");
    }
    assert_eq!(code(world.kms.create_grant(&bob, good()).await), "AccessDeniedException");
    world.disable(&key).await;
    assert_eq!(code(world.kms.create_grant(&world.root, good()).await), "DisabledException");
    assert!(
        world
            .kms
            .list_grants(&world.root, ListGrantsRequest { key_id: key.to_string(), ..Default::default() })
            .await
            .unwrap()
            .grants
            .is_empty()
    );
}

#[tokio::test]
async fn who_may_retire_a_grant() {
    let world = World::new().await;
    let key = world.key().await;
    let (bob, carol, eve) = (user(ACCOUNT, "bob", &[]), user(ACCOUNT, "carol", &[]), user(ACCOUNT, "eve", &[]));
    let make = async |operations: &[&str]| {
        let retiring = Some(carol.identity.principal.arn.to_string());
        world
            .kms
            .create_grant(
                &world.root,
                CreateGrantRequest { retiring_principal: retiring, ..grant(&key, &bob, operations) },
            )
            .await
            .unwrap()
    };
    let by_token = |made: &CreateGrantResponse| RetireGrantRequest {
        grant_token: Some(made.grant_token.clone()),
        ..Default::default()
    };
    let by_id = |made: &CreateGrantResponse| RetireGrantRequest {
        key_id: Some(key.to_string()),
        grant_id: Some(made.grant_id.clone()),
        ..Default::default()
    };
    let one = make(&["Encrypt"]).await;
    for stranger in [&bob, &eve] {
        assert_eq!(code(world.kms.retire_grant(stranger, by_token(&one)).await), "AccessDeniedException");
        assert_eq!(code(world.kms.retire_grant(stranger, by_id(&one)).await), "AccessDeniedException");
    }
    let retirable = ListRetirableGrantsRequest {
        retiring_principal: carol.identity.principal.arn.to_string(),
        ..Default::default()
    };
    assert_eq!(world.kms.list_retirable_grants(&world.root, retirable.clone()).await.unwrap().grants.len(), 1);
    assert_eq!(code(world.kms.list_retirable_grants(&carol, retirable.clone()).await), "AccessDeniedException");
    assert_eq!(code(world.kms.list_retirable_grants(&root(OTHER_ACCOUNT), retirable).await), "ValidationException");
    world.kms.retire_grant(&carol, by_token(&one)).await.unwrap();
    assert_eq!(code(world.kms.retire_grant(&carol, by_token(&one)).await), "InvalidGrantTokenException");
    let two = make(&["Encrypt", "RetireGrant"]).await;
    world.kms.retire_grant(&bob, by_id(&two)).await.unwrap();
    let three = make(&["Encrypt"]).await;
    world.kms.retire_grant(&world.root, by_id(&three)).await.unwrap();
    for bad in [RetireGrantRequest::default(), RetireGrantRequest { grant_token: Some("x".into()), ..by_id(&three) }] {
        assert_eq!(code(world.kms.retire_grant(&world.root, bad).await), "ValidationException");
    }
}

#[tokio::test]
async fn what_a_grant_gives_can_be_passed_on_and_nothing_more() {
    let world = World::new().await;
    let (bob, carol) = (user(ACCOUNT, "bob", &[]), user(ACCOUNT, "carol", &[]));
    let equals =
        |of: &[(&str, &str)]| GrantConstraints { encryption_context_equals: Some(context(of)), ..Default::default() };
    let subset =
        |of: &[(&str, &str)]| GrantConstraints { encryption_context_subset: Some(context(of)), ..Default::default() };
    let (it, hr) = (("dept", "it"), ("dept", "hr"));
    let none = GrantConstraints::default;
    // (received, with) -> (passed on, with): allowed?
    for (received, with, child, narrowed, allowed) in [
        (&["Encrypt"][..], none(), &["Encrypt"][..], none(), true),
        (&["Encrypt"], none(), &["Encrypt", "CreateGrant"], none(), true),
        (&["Encrypt"], none(), &["Encrypt"], equals(&[it]), true),
        (&["Encrypt"], none(), &["Decrypt"], none(), false),
        (&["Encrypt"], none(), &["Encrypt", "Decrypt"], none(), false),
        (&[], none(), &["Decrypt"], none(), false),
        (&["Decrypt"], subset(&[it]), &["Decrypt"], none(), false),
        (&["Decrypt"], subset(&[it]), &["Decrypt"], subset(&[hr]), false),
        (&["Decrypt"], subset(&[it]), &["Decrypt"], equals(&[hr]), false),
        (&["Decrypt"], subset(&[it]), &["Decrypt"], subset(&[it]), true),
        (&["Decrypt"], subset(&[it]), &["Decrypt"], subset(&[it, ("more", "x")]), true),
        (&["Decrypt"], subset(&[it]), &["Decrypt"], equals(&[it]), true),
        (&["Decrypt"], equals(&[it]), &["Decrypt"], none(), false),
        (&["Decrypt"], equals(&[it]), &["Decrypt"], subset(&[it]), false),
        (&["Decrypt"], equals(&[it]), &["Decrypt"], equals(&[it, ("more", "x")]), false),
        (&["Decrypt"], equals(&[it]), &["Decrypt"], equals(&[it]), true),
    ] {
        let key = world.key().await;
        let operations: Vec<_> = received.iter().chain(&["CreateGrant"]).copied().collect();
        let parent = CreateGrantRequest { constraints: Some(with.clone()), ..grant(&key, &bob, &operations) };
        world.kms.create_grant(&world.root, parent).await.unwrap();
        for grantee in [&bob, &carol] {
            let request = CreateGrantRequest { constraints: Some(narrowed.clone()), ..grant(&key, grantee, child) };
            let outcome = world.kms.create_grant(&bob, request).await;
            let seen = format!("{received:?} with {with:?}, passed on {child:?} with {narrowed:?}");
            match allowed {
                true => assert!(outcome.is_ok(), "{seen}: {outcome:?}"),
                false => assert_eq!(code(outcome), "AccessDeniedException", "{seen}"),
            }
        }
    }
}

#[tokio::test]
async fn two_grants_do_not_add_up_and_a_policy_is_bound_by_none() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    for operations in [&["CreateGrant", "Encrypt"][..], &["CreateGrant", "Decrypt"], &["GenerateDataKey"]] {
        world.kms.create_grant(&world.root, grant(&key, &bob, operations)).await.unwrap();
    }
    for operations in [&["Encrypt", "Decrypt"][..], &["GenerateDataKey"]] {
        assert_eq!(code(world.kms.create_grant(&bob, grant(&key, &bob, operations)).await), "AccessDeniedException");
    }
    let may = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*"}]}"#;
    let bob = user(ACCOUNT, "bob", &[may]);
    world.kms.create_grant(&bob, grant(&key, &bob, &["Encrypt", "Decrypt"])).await.unwrap();
}

#[tokio::test]
async fn a_grant_lets_its_grantee_retire_it_and_no_other_one() {
    let world = World::new().await;
    let key = world.key().await;
    let (bob, carol) = (user(ACCOUNT, "bob", &[]), user(ACCOUNT, "carol", &[]));
    let own = world.kms.create_grant(&world.root, grant(&key, &bob, &["Encrypt", "RetireGrant"])).await.unwrap();
    let other = world.kms.create_grant(&world.root, grant(&key, &carol, &["Encrypt"])).await.unwrap();
    let retire = |id: &str| RetireGrantRequest {
        key_id: Some(key.to_string()),
        grant_id: Some(id.to_owned()),
        ..Default::default()
    };
    assert_eq!(code(world.kms.retire_grant(&bob, retire(&other.grant_id)).await), "AccessDeniedException");
    world.kms.retire_grant(&bob, retire(&own.grant_id)).await.unwrap();
}

#[tokio::test]
async fn who_is_made_again_under_a_deleted_ones_name_has_none_of_its_grants() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    let arn = bob.identity.principal.arn.to_string();
    let retiring = Some(arn.clone());
    let request = CreateGrantRequest { retiring_principal: retiring, ..grant(&key, &bob, &["GenerateDataKey"]) };
    let made = world.kms.create_grant(&world.root, request).await.unwrap();
    assert!(world.generate_as(&bob, key.as_str()).await.is_ok());
    world.people.set(&arn, Some("AIDATHESECONDBOBOFALL"));
    let mut identity = (*bob.identity).clone();
    identity.principal.id = "AIDATHESECONDBOBOFALL".to_owned();
    let second = Caller { identity: Arc::new(identity), ..bob.clone() };
    let kms = world.reopened().await;
    for kms in [&world.kms, &kms] {
        let request = |caller: Caller| {
            let key_id = key.to_string();
            let request = GenerateDataKeyRequest { key_id, size: 32, ..Default::default() };
            async move { kms.generate_data_key(&caller, request).await }
        };
        assert_eq!(code(request(second.clone()).await), "AccessDeniedException");
        let retire = RetireGrantRequest { grant_token: Some(made.grant_token.clone()), ..Default::default() };
        assert_eq!(code(kms.retire_grant(&second, retire).await), "AccessDeniedException");
        let listed = ListGrantsRequest { key_id: key.to_string(), ..Default::default() };
        let listed = kms.list_grants(&world.root, listed).await.unwrap().grants.remove(0);
        let id = arqueta_kms::testing::user_id(ACCOUNT, "bob");
        assert_eq!((listed.grantee_principal, listed.retiring_principal), (id.clone(), Some(id)), "who is gone");
    }
    let own = ListRetirableGrantsRequest { retiring_principal: arn, ..Default::default() };
    assert!(world.kms.list_retirable_grants(&world.root, own).await.unwrap().grants.is_empty());
}

#[tokio::test]
async fn nobody_can_be_given_or_retire_a_grant() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    world.people.set("arn:aws:iam::111122223333:user/nobody", None);
    let nobody = || "arn:aws:iam::111122223333:user/nobody".to_owned();
    let given = CreateGrantRequest { grantee_principal: nobody(), ..grant(&key, &bob, &["Encrypt"]) };
    let retiring = CreateGrantRequest { retiring_principal: Some(nobody()), ..grant(&key, &bob, &["Encrypt"]) };
    for request in [given, retiring] {
        let refused = world.kms.create_grant(&world.root, request.clone()).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.to_string()),
            ("InvalidArnException", format!("ARN does not refer to a valid principal: {}", nobody()))
        );
        // Who may not make a grant is not told who exists.
        assert_eq!(code(world.kms.create_grant(&bob, request).await), "AccessDeniedException");
    }
}

#[tokio::test]
async fn grants_of_earlier_releases_are_given_the_ids_of_who_exists() {
    use arqueta_store::{Batch, MetaStore as _};

    use crate::schema::{GrantRecord, encode};
    let world = World::new().await;
    let key = world.key().await;
    let (bob, eve) = (user(ACCOUNT, "bob", &[]), user(ACCOUNT, "eve", &[]));
    world.people.set(eve.identity.principal.arn.as_str(), None);
    for (id, grantee) in [("1", &bob), ("2", &eve)] {
        let old = GrantRecord {
            account: ACCOUNT.parse().unwrap(),
            key_id: key.key_id().to_owned(),
            id: id.to_owned(),
            name: String::new(),
            created: arqueta_model::Timestamp::from_millis(0),
            grantee: grantee.identity.principal.arn.to_string(),
            retiring: None,
            issuer: ACCOUNT.parse().unwrap(),
            operations: ["GenerateDataKey".to_owned()].into(),
            equals: None,
            subset: None,
        };
        world.meta.commit(Batch::default().put(old.store_key(), encode(&old))).await.unwrap();
    }
    let kms = world.reopened().await;
    let may = async |caller: &Caller| {
        let request = GenerateDataKeyRequest { key_id: key.to_string(), size: 32, ..Default::default() };
        kms.generate_data_key(caller, request).await
    };
    assert!(may(&bob).await.is_ok());
    world.people.set(eve.identity.principal.arn.as_str(), Some(&eve.identity.principal.id));
    assert_eq!(code(may(&eve).await), "AccessDeniedException", "who came later");
    let kms = world.reopened().await;
    let request = || GenerateDataKeyRequest { key_id: key.to_string(), size: 32, ..Default::default() };
    assert!(kms.generate_data_key(&bob, request()).await.is_ok());
    let later = kms.generate_data_key(&eve, request()).await;
    assert_eq!(code(later), "AccessDeniedException", "a later start gives nobody what the first one did not");
}
