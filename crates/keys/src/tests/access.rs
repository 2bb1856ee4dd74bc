use arqueta_kms::testing::{OTHER_ACCOUNT, context, user};
use arqueta_kms::{GenerateDataKey, KeyRef, KeySpec, Kms, Operation};

use super::*;

const GENERATE: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"*"}]}"#;
const NO_ORACLE: &str = "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access";

fn policy(statements: &str) -> String {
    let root =
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#;
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{root}{}{statements}]}}"#,
        if statements.is_empty() { "" } else { "," }
    )
}

fn only(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"kms:*","Resource":"*"}}]}}"#
    )
}

#[tokio::test]
async fn an_identity_policy_counts_only_where_the_key_lets_its_account_decide() {
    let world = World::new().await;
    let key = world.key().await;
    let (alice, bob) = (user(ACCOUNT, "alice", &[GENERATE]), user(ACCOUNT, "bob", &[]));
    assert!(world.generate_as(&alice, key.as_str()).await.is_ok());
    assert_eq!(
        message(world.generate_as(&bob, key.as_str()).await),
        format!(
            "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: kms:GenerateDataKey on resource: {key} because no identity-based policy allows the kms:GenerateDataKey action"
        )
    );
    world.put_policy(&key, &only("arn:aws:iam::111122223333:user/bob")).await.unwrap();
    assert!(world.generate_as(&bob, key.as_str()).await.is_ok(), "named by the key policy");
    for left_out in [&alice, &world.root] {
        let refused = message(world.generate_as(left_out, key.as_str()).await);
        assert!(
            refused.ends_with("because no resource-based policy allows the kms:GenerateDataKey action"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn an_explicit_deny_wins_wherever_it_stands() {
    let world = World::new().await;
    let key = world.key().await;
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"kms:GenerateDataKey","Resource":"*"}"#;
    world.put_policy(&key, &policy(deny)).await.unwrap();
    let refused = message(world.generate_as(&world.root, key.as_str()).await);
    assert!(refused.ends_with("with an explicit deny in a resource-based policy"), "{refused}");
    world.put_policy(&key, &policy("")).await.unwrap();
    let denied = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}"#;
    let refused = message(world.generate_as(&user(ACCOUNT, "carol", &[GENERATE, denied]), key.as_str()).await);
    assert!(refused.ends_with("with an explicit deny in an identity-based policy"), "{refused}");
}

#[tokio::test]
async fn another_account_needs_both_sides() {
    let world = World::new().await;
    let key = world.key().await;
    let (eve, mallory) = (user(OTHER_ACCOUNT, "eve", &[GENERATE]), user(OTHER_ACCOUNT, "mallory", &[]));
    assert!(message(world.generate_as(&eve, key.as_str()).await).ends_with(NO_ORACLE));
    world.put_policy(&key, &policy(r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"kms:*","Resource":"*"}"#)).await.unwrap();
    assert!(world.generate_as(&eve, key.as_str()).await.is_ok());
    assert!(
        message(world.generate_as(&mallory, key.as_str()).await)
            .ends_with("because no identity-based policy allows the kms:GenerateDataKey action")
    );
    let admin = power_user(OTHER_ACCOUNT, "admin");
    let request = DisableKeyRequest { key_id: key.to_string() };
    assert!(
        message(world.kms.disable_key(&admin, request).await).ends_with(NO_ORACLE),
        "administration stays in the account"
    );
}

#[tokio::test]
async fn another_account_learns_nothing_of_a_key_from_its_own_refusals() {
    let world = World::new().await;
    let key = world.key().await;
    let missing = format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/none");
    // Its own policy would tell the key's spec, were the key's condition keys there to compare.
    let conditional = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT"}}}]}"#;
    for policies in [&[][..], &[conditional]] {
        let stranger = user(OTHER_ACCOUNT, "eve", policies);
        let mut answers = Vec::new();
        for name in [key.as_str(), &missing] {
            let disabled = world.kms.disable_key(&stranger, DisableKeyRequest { key_id: name.to_owned() }).await;
            let generated = world.generate_as(&stranger, name).await;
            answers.push((message(disabled).replace(name, "<name>"), message(generated).replace(name, "<name>")));
        }
        assert_eq!(answers[0], answers[1]);
    }
}

#[tokio::test]
async fn who_may_only_create_keys_creates_one_under_the_default_policy() {
    let world = World::new().await;
    let create = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}]}"#;
    let maker = user(ACCOUNT, "maker", &[create]);
    assert!(world.kms.create_key(&maker, CreateKeyRequest::default()).await.is_ok());
    let given = CreateKeyRequest { policy: Some(only("arn:aws:iam::111122223333:user/bob")), ..Default::default() };
    let refused = world.kms.create_key(&maker, given).await.unwrap_err();
    assert_eq!(refused.code(), "MalformedPolicyDocumentException", "a policy of one's own must keep one in control");
}

#[tokio::test]
async fn another_account_cannot_tell_what_exists() {
    let world = World::new().await;
    let (key, disabled) = (world.key().await, world.key().await);
    world.disable(&disabled).await;
    world
        .kms
        .create_alias(
            &world.root,
            CreateAliasRequest { alias_name: "alias/there".into(), target_key_id: key.to_string() },
        )
        .await
        .unwrap();
    let arn = |resource: &str| format!("arn:aws:kms:us-east-1:{ACCOUNT}:{resource}");
    let names = [key.to_string(), disabled.to_string(), arn("key/none"), arn("alias/there"), arn("alias/none")];
    for stranger in [power_user(OTHER_ACCOUNT, "eve"), user(OTHER_ACCOUNT, "bob", &[]), root(OTHER_ACCOUNT)] {
        let mut answers = std::collections::BTreeSet::new();
        for name in &names {
            let error = world.generate_as(&stranger, name).await.unwrap_err();
            assert_eq!(error.code(), "AccessDeniedException");
            answers.insert(error.to_string().replace(name.as_str(), "<name>"));
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        // The same through the contract of object encryption.
        let mut described = std::collections::BTreeSet::new();
        for name in &names {
            let bound = context(&[]);
            let named = KeyRef::Named(name.clone());
            let outcome = match world.kms.describe(&stranger, &named).await {
                Ok(_) => {
                    Kms::generate_data_key(&world.kms, &stranger, GenerateDataKey { key: &named, context: &bound })
                        .await
                        .unwrap_err()
                }
                Err(error) => error,
            };
            described.insert(outcome.to_string().replace(name.as_str(), "<name>"));
        }
        assert_eq!(described, answers);
    }
    let events = world.audit.inner().take();
    let named = events.iter().filter(|e| e.user_identity.account_id.as_deref() == Some(OTHER_ACCOUNT));
    assert!(named.flat_map(|e| &e.resources).next().is_none(), "nor by its own record");
}

#[tokio::test]
async fn ciphertext_of_another_account_says_nothing() {
    let world = World::new().await;
    let sealed = world.encrypt(&world.key().await, b"x").await;
    let stranger = power_user(OTHER_ACCOUNT, "eve");
    let there = message(world.decrypt_as(&stranger, &sealed).await);
    let gone = {
        let key = world.key().await;
        let sealed = world.encrypt(&key, b"x").await;
        world.schedule_deletion(&key).await;
        world.clock.advance(8 * DAY);
        message(world.decrypt_as(&stranger, &sealed).await)
    };
    assert_eq!(there, gone);
    assert!(there.starts_with("The ciphertext refers to a customer master key that does not exist"));
}

#[tokio::test]
async fn conditions_of_kms_are_decided_by_the_request() {
    let world = World::new().await;
    let key = world.key().await;
    let alice = user(ACCOUNT, "alice", &[]);
    let (bucket, object) = ("arn:aws:s3:::hr", "arn:aws:s3:::hr/file");
    world
        .put_policy(&key, &policy(&format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111122223333:user/alice"}},"Action":"kms:GenerateDataKey","Resource":"*","Condition":{{"StringEquals":{{"kms:ViaService":"s3.us-east-1.amazonaws.com","kms:EncryptionContext:aws:s3:arn":"{bucket}"}},"ForAllValues:StringEquals":{{"kms:EncryptionContextKeys":["aws:s3:arn"]}}}}}}"#
        )))
        .await
        .unwrap();
    let named = KeyRef::Named(key.to_string());
    let s3 = alice.via_s3(&"us-east-1".parse().unwrap());
    let elsewhere = alice.via_s3(&"eu-west-1".parse().unwrap());
    let bound = context(&[("aws:s3:arn", bucket)]);
    let generate = async |caller: &Caller, context: &arqueta_model::EncryptionContext| {
        Kms::generate_data_key(&world.kms, caller, GenerateDataKey { key: &named, context }).await
    };
    assert!(generate(&s3, &bound).await.is_ok());
    for (caller, context) in [
        (&alice, bound.clone()),
        (&elsewhere, bound.clone()),
        (&s3, context(&[("aws:s3:arn", object)])),
        (&s3, context(&[("aws:s3:arn", bucket), ("more", "x")])),
        (&s3, context(&[])),
    ] {
        assert_eq!(code(generate(caller, &context).await), "AccessDeniedException", "{context:?}");
    }
}

#[tokio::test]
async fn aliases_and_tags_of_the_key_are_conditions() {
    let world = World::new().await;
    let key = world.key().await;
    let alice = user(
        ACCOUNT,
        "alice",
        &[r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/app"}}},
        {"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/a*"}}},
        {"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}}]}"#],
    );
    let encrypt = || EncryptRequest { key_id: key.to_string(), plaintext: Blob::new(vec![1]), ..Default::default() };
    assert_eq!(code(world.kms.encrypt(&alice, encrypt()).await), "AccessDeniedException");
    world
        .kms
        .create_alias(
            &world.root,
            CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: key.to_string() },
        )
        .await
        .unwrap();
    assert!(world.kms.encrypt(&alice, encrypt()).await.is_ok(), "the key has such an alias now");
    assert!(world.generate_as(&alice, "alias/app").await.is_ok());
    assert_eq!(code(world.generate_as(&alice, key.as_str()).await), "AccessDeniedException", "not by the alias");
    let describe = || DescribeKeyRequest { key_id: key.to_string() };
    assert_eq!(code(world.kms.describe_key(&alice, describe()).await), "AccessDeniedException");
    let tags = std::collections::BTreeMap::from([("team".into(), "a".into())]);
    world.kms.tag_resource(&world.root, TagResourceRequest { key_id: key.to_string(), tags }).await.unwrap();
    assert!(world.kms.describe_key(&alice, describe()).await.is_ok());
}

#[tokio::test]
async fn how_long_a_deletion_or_rotation_takes_is_a_condition() {
    let world = World::new().await;
    let key = world.key().await;
    let alice = user(
        ACCOUNT,
        "alice",
        &[r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Action":"kms:ScheduleKeyDeletion","Resource":"*",
         "Condition":{"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"20"}}},
        {"Effect":"Deny","Action":"kms:EnableKeyRotation","Resource":"*",
         "Condition":{"NumericGreaterThan":{"kms:RotationPeriodInDays":"365"}}},
        {"Effect":"Deny","Action":"kms:CreateKey","Resource":"*",
         "Condition":{"StringNotEquals":{"kms:CustomerMasterKeySpec":"SYMMETRIC_DEFAULT"}}}]}"#],
    );
    let rotate = |days| EnableKeyRotationRequest { key_id: key.to_string(), rotation_period_in_days: days };
    assert_eq!(code(world.kms.enable_key_rotation(&alice, rotate(Some(366))).await), "AccessDeniedException");
    assert!(world.kms.enable_key_rotation(&alice, rotate(Some(365))).await.is_ok());
    assert!(world.kms.enable_key_rotation(&alice, rotate(None)).await.is_ok());
    let create = |spec: KeySpec| CreateKeyRequest { key_spec: spec, key_usage: spec.usages()[0], ..Default::default() };
    assert_eq!(code(world.kms.create_key(&alice, create(KeySpec::RSA_2048)).await), "AccessDeniedException");
    assert!(world.kms.create_key(&alice, create(KeySpec::SYMMETRIC_DEFAULT)).await.is_ok());
    let delete = |days| ScheduleKeyDeletionRequest { key_id: key.to_string(), pending_window_in_days: Some(days) };
    assert_eq!(code(world.kms.schedule_key_deletion(&alice, delete(19)).await), "AccessDeniedException");
    assert!(world.kms.schedule_key_deletion(&alice, delete(20)).await.is_ok());
}

#[tokio::test]
async fn a_key_policy_asks_for_keys_that_kms_has() {
    let world = World::new().await;
    let key = world.key().await;
    let policy = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{ACCOUNT}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{{"Null":{{"{condition}":"true"}}}}}}]}}"#
        )
    };
    for (condition, taken) in [("kms:ViaService", true), ("kms:ViaServices", false), ("aws:ResourceTag/team", false)] {
        let put = PutKeyPolicyRequest { key_id: key.to_string(), policy: policy(condition), ..Default::default() };
        let create = CreateKeyRequest { policy: Some(policy(condition)), ..Default::default() };
        for outcome in [
            world.kms.put_key_policy(&world.root, put).await,
            world.kms.create_key(&world.root, create).await.map(drop),
        ] {
            match taken {
                true => assert!(outcome.is_ok(), "{condition}"),
                false => assert_eq!(code(outcome), "MalformedPolicyDocumentException", "{condition}"),
            }
        }
    }
}

#[tokio::test]
async fn nobody_locks_himself_out_by_accident() {
    let world = World::new().await;
    let key = world.key().await;
    let put = |policy: String, bypass| PutKeyPolicyRequest {
        key_id: key.to_string(),
        policy,
        bypass_policy_lockout_safety_check: bypass,
        policy_name: None,
    };
    let other = only("arn:aws:iam::111122223333:user/bob");
    let refused = world.kms.put_key_policy(&world.root, put(other.clone(), false)).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.to_string().as_str()),
        (
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future."
        )
    );
    let create = CreateKeyRequest { policy: Some(other.clone()), ..Default::default() };
    assert_eq!(code(world.kms.create_key(&world.root, create).await), "MalformedPolicyDocumentException");
    world.kms.put_key_policy(&world.root, put(other, true)).await.unwrap();
    assert_eq!(
        code(world.kms.put_key_policy(&world.root, put(policy(""), false)).await),
        "AccessDeniedException",
        "and so it is"
    );
    for text in [
        "{}",
        "[]",
        "not json",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#,
    ] {
        let create = CreateKeyRequest { policy: Some(text.into()), ..Default::default() };
        assert_eq!(code(world.kms.create_key(&world.root, create).await), "MalformedPolicyDocumentException", "{text}");
    }
    let named = PutKeyPolicyRequest { policy_name: Some("other".into()), ..put(policy(""), false) };
    let bob = user(ACCOUNT, "bob", &[]);
    assert_eq!(code(world.kms.put_key_policy(&bob, named).await), "NotFoundException");
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_is_stored_by_nobody_who_waives_the_lock_out_check() {
    let world = World::new().await;
    let key = world.key().await;
    let long = policy(&" ".repeat(131_072));
    for text in ["", "{}", "not json", long.as_str()] {
        let create = CreateKeyRequest {
            policy: Some(text.to_owned()),
            bypass_policy_lockout_safety_check: true,
            ..Default::default()
        };
        let refused = code(world.kms.create_key(&world.root, create).await);
        assert!(["MalformedPolicyDocumentException", "ValidationException"].contains(&refused), "{refused}");
    }
    world.encrypt(&key, b"the service goes on").await;
    world.reopened().await;
}

#[tokio::test]
async fn a_recheck_follows_every_change_at_once() {
    let world = World::new().await;
    let key = world.key().await;
    let alice = user(ACCOUNT, "alice", &[GENERATE]);
    let bound = context(&[("k", "v")]);
    let recheck = async || world.kms.recheck(&alice, Operation::GenerateDataKey, &key, &bound).await;
    recheck().await.unwrap();
    world.disable(&key).await;
    assert_eq!(code(recheck().await), "DisabledException");
    world.kms.enable_key(&world.root, EnableKeyRequest { key_id: key.to_string() }).await.unwrap();
    recheck().await.unwrap();
    world.put_policy(&key, &policy(r#"{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"kms:GenerateDataKey","Resource":"*"}"#)).await.unwrap();
    assert_eq!(code(recheck().await), "AccessDeniedException");
    world.put_policy(&key, &policy("")).await.unwrap();
    recheck().await.unwrap();
    world.schedule_deletion(&key).await;
    assert_eq!(code(recheck().await), "KMSInvalidStateException");
    world.clock.advance(8 * DAY);
    assert_eq!(code(recheck().await), "NotFoundException");
}

#[tokio::test]
async fn a_recheck_asks_about_this_request_not_an_earlier_one() {
    let world = World::new().await;
    let key = world.key().await;
    let alice = user(
        ACCOUNT,
        "alice",
        &[
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:k":"v"},"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}]}"#,
        ],
    );
    let recheck = async |caller: &Caller, operation, value| {
        world.kms.recheck(caller, operation, &key, &context(&[("k", value)])).await
    };
    recheck(&alice, Operation::Decrypt, "v").await.unwrap();
    assert_eq!(code(recheck(&alice, Operation::Decrypt, "other").await), "AccessDeniedException");
    assert_eq!(code(recheck(&alice, Operation::GenerateDataKey, "v").await), "AccessDeniedException");
    let mut request = (*alice.request).clone();
    request.source_ip = std::net::Ipv4Addr::new(10, 0, 0, 1).into();
    let elsewhere = Caller { request: Arc::new(request), ..alice.clone() };
    assert_eq!(code(recheck(&elsewhere, Operation::Decrypt, "v").await), "AccessDeniedException");
    let mut identity = (*alice.identity).clone();
    identity.policies = Arc::new([]);
    let stripped = Caller { identity: Arc::new(identity), ..alice.clone() };
    assert_eq!(code(recheck(&stripped, Operation::Decrypt, "v").await), "AccessDeniedException");
}

#[tokio::test]
async fn nobody_without_a_name_uses_a_key() {
    use arqueta_model::PrincipalKind;
    let world = World::new().await;
    let key = world.key().await;
    let open = r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}"#;
    world.put_policy(&key, &policy(open)).await.unwrap();
    let sealed = world.encrypt(&key, b"x").await;
    let mut identity = (*user(ACCOUNT, "bob", &[]).identity).clone();
    identity.principal.kind = PrincipalKind::Anonymous;
    let nobody = Caller { identity: Arc::new(identity), ..root(ACCOUNT) };
    let via_s3 = nobody.via_s3(&"us-east-1".parse().unwrap());
    let bound = context(&[]);
    for caller in [&nobody, &via_s3] {
        assert_eq!(code(world.generate_as(caller, key.as_str()).await), "AccessDeniedException");
        assert_eq!(code(world.decrypt_as(caller, &sealed).await), "AccessDeniedException");
        assert_eq!(code(world.kms.recheck(caller, Operation::Decrypt, &key, &bound).await), "AccessDeniedException");
        let managed = GenerateDataKey { key: &KeyRef::AwsManagedS3, context: &bound };
        assert_eq!(code(Kms::generate_data_key(&world.kms, caller, managed).await), "AccessDeniedException");
        assert_eq!(code(world.kms.list_keys(caller, ListKeysRequest::default()).await), "AccessDeniedException");
        assert_eq!(code(world.kms.create_key(caller, CreateKeyRequest::default()).await), "AccessDeniedException");
    }
    let aliases = world.kms.list_aliases(&world.root, ListAliasesRequest::default()).await.unwrap().aliases;
    assert!(aliases.is_empty(), "no AWS-managed key was made");
}

#[tokio::test]
async fn a_key_policy_means_who_had_the_name_when_it_was_put() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    let arn = bob.identity.principal.arn.to_string();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::{ACCOUNT}:root","{arn}"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    world.put_policy(&key, &policy).await.unwrap();
    let kept = async |kms: &Embedded| {
        let request = GetKeyPolicyRequest { key_id: key.to_string(), ..Default::default() };
        kms.get_key_policy(&world.root, request).await.unwrap().policy
    };
    assert_eq!(kept(&world.kms).await, policy, "shown as it was put");
    assert!(world.generate_as(&bob, key.as_str()).await.is_ok());

    world.people.set(&arn, Some("AIDATHESECONDBOBOFALL"));
    let mut identity = (*bob.identity).clone();
    identity.principal.id = "AIDATHESECONDBOBOFALL".to_owned();
    let second = Caller { identity: Arc::new(identity), ..bob.clone() };
    assert_eq!(code(world.generate_as(&second, key.as_str()).await), "AccessDeniedException");
    let id = arqueta_kms::testing::user_id(ACCOUNT, "bob");
    assert_eq!(kept(&world.kms).await, policy.replace(&arn, &id), "who is gone is an id");
    assert_eq!(kept(&world.reopened().await).await, policy.replace(&arn, &id));

    world.people.set(&arn, None);
    let refused = world.put_policy(&key, &policy).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.to_string().as_str()),
        ("MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.")
    );
    let request = CreateKeyRequest { policy: Some(policy), ..Default::default() };
    assert_eq!(code(world.kms.create_key(&world.root, request).await), "MalformedPolicyDocumentException");
}

#[tokio::test]
async fn key_policies_of_earlier_releases_mean_who_exists_when_they_are_opened() {
    use arqueta_store::{Batch, MetaStore as _};

    use crate::schema::{KeyRecord, decode, encode};
    let world = World::new().await;
    let key = world.key().await;
    let (bob, eve) = (user(ACCOUNT, "bob", &[]), user(ACCOUNT, "eve", &[]));
    world.people.set(eve.identity.principal.arn.as_str(), None);
    let name = format!("kms/k/{ACCOUNT}/{}", key.key_id());
    let mut old: KeyRecord = decode(b"k", &world.meta.get(name.as_bytes()).await.unwrap().unwrap()).unwrap();
    old.policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["{}","{}"]}},"Action":"kms:*","Resource":"*"}}]}}"#,
        bob.identity.principal.arn, eve.identity.principal.arn
    );
    world.meta.commit(Batch::default().put(name, encode(&old))).await.unwrap();
    let kms = world.reopened().await;
    world.people.set(eve.identity.principal.arn.as_str(), Some(&eve.identity.principal.id));
    let may = async |caller: &Caller| {
        let request = GenerateDataKeyRequest { key_id: key.to_string(), size: 32, ..Default::default() };
        kms.generate_data_key(caller, request).await
    };
    assert!(may(&bob).await.is_ok());
    assert_eq!(code(may(&eve).await), "AccessDeniedException", "who came later");
}

#[tokio::test]
async fn the_numbers_of_a_request_and_the_sameness_of_keys_are_conditions() {
    let world = World::new().await;
    let (key, other) = (world.key().await, world.key().await);
    let may = |action: &str, operator: &str, condition: &str, value: &str| {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"kms:{action}","Resource":"*","Condition":{{"{operator}":{{"{condition}":"{value}"}}}}}},{{"Effect":"Allow","Action":["kms:Encrypt","kms:ReEncryptTo"],"Resource":"*"}}]}}"#
        );
        user(ACCOUNT, "bob", &[&policy])
    };
    let bob = may("EnableKeyRotation", "NumericLessThanEquals", "kms:RotationPeriodInDays", "180");
    for (period, allowed) in [(Some(180), true), (Some(181), false), (None, false)] {
        let request = EnableKeyRotationRequest { key_id: key.to_string(), rotation_period_in_days: period };
        assert_eq!(world.kms.enable_key_rotation(&bob, request).await.is_ok(), allowed, "{period:?}");
    }
    let bob = may("ReEncryptFrom", "Bool", "kms:ReEncryptOnSameKey", "true");
    let sealed = world.encrypt(&key, b"x").await;
    for (to, allowed) in [(&key, true), (&other, false)] {
        let request = ReEncryptRequest {
            ciphertext_blob: Blob::new(sealed.clone()),
            destination_key_id: to.to_string(),
            ..Default::default()
        };
        assert_eq!(world.kms.re_encrypt(&bob, request).await.is_ok(), allowed, "{to}");
    }
    let name = "kms:ScheduleKeyDeletionPendingWindowInDays";
    let bob = may("ScheduleKeyDeletion", "NumericGreaterThan", name, "10");
    for (window, allowed) in [(Some(7), false), (None, true)] {
        let request = ScheduleKeyDeletionRequest { key_id: other.to_string(), pending_window_in_days: window };
        assert_eq!(world.kms.schedule_key_deletion(&bob, request).await.is_ok(), allowed, "{window:?}");
    }
}
