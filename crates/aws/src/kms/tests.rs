//! Each operation group through its JSON form, over the embedded service in memory.

use std::sync::Arc;

use arqueta_audit::testing::Memory as Record;
use arqueta_call::Kms;
use arqueta_keys::{Config, Embedded};
use arqueta_kms::{Caller, Identity};
use arqueta_model::{AccountId, Clock as _, ManualClock, Principal, RequestId, RequestInfo};
use arqueta_root::FileRootKey;

use arqueta_store::MemoryMeta;
use http::StatusCode;
use serde_json::{Value, json};

use super::call;
use crate::error::Fault;
use crate::protocol::Protocol;

const ACCOUNT: &str = "111122223333";
const SECRET: &str = "c2VjcmV0";

pub(super) struct Service {
    kms: Embedded,
    caller: Caller,
    record: Arc<Record>,
    _folder: tempfile::TempDir,
}

pub(super) async fn service() -> Service {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let account: AccountId = ACCOUNT.parse().unwrap();
    let root = Arc::new(FileRootKey::new(folder.path().join("root.key")));
    let config = Config::new(account.clone(), "eu-west-1".parse().unwrap(), root);
    let record = Arc::new(Record::default());
    let kms = Embedded::open(Arc::new(MemoryMeta::default()), record.clone(), clock.clone(), config).await.unwrap();
    let info = RequestInfo {
        id: RequestId::random(),
        source_ip: [127, 0, 0, 1].into(),
        user_agent: "test".into(),
        secure_transport: false,
        tls: None,
        received: clock.now(),
        via_service: None,
    };
    let caller = Caller::new(Arc::new(Identity::bare(Principal::root(&account, "AKIDROOT"))), Arc::new(info));
    Service { kms, caller, record, _folder: folder }
}

impl Service {
    async fn call(&self, operation: &str, request: Value) -> Result<Value, Fault> {
        match call(&self.kms, &self.caller, operation, request.to_string().as_bytes()).await {
            Ok(document) if document.is_empty() => Ok(Value::Null),
            Ok(document) => Ok(serde_json::from_slice(&document).unwrap()),
            Err(error) => Err(error.fault(Protocol::Json)),
        }
    }

    /// What the record says of the latest call.
    pub(super) fn last_event(&self) -> arqueta_audit::Event {
        self.record.take().pop().unwrap()
    }

    pub(super) async fn ok(&self, operation: &str, request: Value) -> Value {
        self.call(operation, request).await.unwrap_or_else(|fault| panic!("{operation}: {fault:?}"))
    }

    pub(super) async fn refused(&self, operation: &str, request: Value, code: &str) {
        let fault = self.call(operation, request.clone()).await.expect_err(operation);
        assert_eq!(
            (fault.code, fault.status),
            (code, StatusCode::BAD_REQUEST),
            "{operation} {request}: {}",
            fault.message
        );
    }

    async fn key(&self) -> String {
        let created = self.ok("CreateKey", json!({})).await;
        created["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn keys_are_made_described_listed_and_change_state() {
    let service = service().await;
    let created =
        service.ok("CreateKey", json!({ "Description": "d", "Tags": [{ "TagKey": "k", "TagValue": "v" }] })).await;
    let metadata = &created["KeyMetadata"];
    let key = metadata["KeyId"].as_str().unwrap();
    assert_eq!(metadata["AWSAccountId"], ACCOUNT);
    assert_eq!(metadata["Arn"], format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/{key}"));
    assert_eq!(metadata["CreationDate"], 1_767_225_600.0);
    assert_eq!((&metadata["KeyState"], &metadata["Enabled"]), (&json!("Enabled"), &json!(true)));
    assert_eq!(metadata["EncryptionAlgorithms"], json!(["SYMMETRIC_DEFAULT"]));

    let named = json!({ "KeyId": key });
    assert_eq!(service.ok("DescribeKey", named.clone()).await["KeyMetadata"]["Description"], "d");
    assert_eq!(service.ok("ListKeys", json!({})).await["Keys"][0]["KeyId"], key);
    assert_eq!(
        service.ok("ListResourceTags", named.clone()).await["Tags"],
        json!([{ "TagKey": "k", "TagValue": "v" }])
    );

    assert_eq!(service.ok("DisableKey", named.clone()).await, Value::Null, "an empty answer");
    service.refused("GenerateDataKey", json!({ "KeyId": key, "KeySpec": "AES_256" }), "DisabledException").await;
    service.ok("EnableKey", named.clone()).await;
    service.ok("UpdateKeyDescription", json!({ "KeyId": key, "Description": "e" })).await;

    let deletion = service.ok("ScheduleKeyDeletion", json!({ "KeyId": key, "PendingWindowInDays": 7 })).await;
    assert_eq!((&deletion["KeyState"], &deletion["PendingWindowInDays"]), (&json!("PendingDeletion"), &json!(7)));
    assert_eq!(deletion["DeletionDate"], 1_767_225_600.0 + 7.0 * 86_400.0);
    service.refused("EnableKey", named.clone(), "KMSInvalidStateException").await;
    service.ok("CancelKeyDeletion", named.clone()).await;
    assert_eq!(service.ok("DescribeKey", named).await["KeyMetadata"]["KeyState"], "Disabled");
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted_under_its_context_only() {
    let service = service().await;
    let key = service.key().await;
    let context = json!({ "a": "b" });
    let encrypted =
        service.ok("Encrypt", json!({ "KeyId": key, "Plaintext": SECRET, "EncryptionContext": context })).await;
    let blob = &encrypted["CiphertextBlob"];
    let opened = service.ok("Decrypt", json!({ "CiphertextBlob": blob, "EncryptionContext": context })).await;
    assert_eq!((&opened["Plaintext"], &opened["EncryptionAlgorithm"]), (&json!(SECRET), &json!("SYMMETRIC_DEFAULT")));
    service.refused("Decrypt", json!({ "CiphertextBlob": blob }), "InvalidCiphertextException").await;
    service
        .refused(
            "Decrypt",
            json!({ "CiphertextBlob": "AAAA", "EncryptionContext": context }),
            "InvalidCiphertextException",
        )
        .await;

    let other = service.key().await;
    service
        .refused(
            "Decrypt",
            json!({ "CiphertextBlob": blob, "EncryptionContext": context, "KeyId": other }),
            "IncorrectKeyException",
        )
        .await;
    let moved = service
        .ok(
            "ReEncrypt",
            json!({ "CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": other }),
        )
        .await;
    assert_eq!(service.ok("Decrypt", json!({ "CiphertextBlob": moved["CiphertextBlob"] })).await["Plaintext"], SECRET);
}

#[tokio::test]
async fn data_keys_come_with_and_without_their_plaintext() {
    let service = service().await;
    let key = service.key().await;
    let request = json!({ "KeyId": key, "KeySpec": "AES_256" });
    let generated = service.ok("GenerateDataKey", request.clone()).await;
    assert_eq!(generated["Plaintext"].as_str().unwrap().len(), 44, "32 bytes as base64");
    let opened = service.ok("Decrypt", json!({ "CiphertextBlob": generated["CiphertextBlob"] })).await;
    assert_eq!(opened["Plaintext"], generated["Plaintext"]);
    let without = service.ok("GenerateDataKeyWithoutPlaintext", request).await;
    assert!(without.get("Plaintext").is_none() && without["CiphertextBlob"].is_string());
    assert_eq!(
        service.ok("GenerateRandom", json!({ "NumberOfBytes": 3 })).await["Plaintext"].as_str().unwrap().len(),
        4
    );

    for request in [
        json!({ "KeyId": key }),
        json!({ "KeyId": key, "KeySpec": "AES_256", "NumberOfBytes": 32 }),
        json!({ "KeyId": key, "KeySpec": "AES_512" }),
        json!({ "KeyId": key, "NumberOfBytes": 0 }),
        json!({ "KeyId": key, "NumberOfBytes": 1025 }),
        json!({ "KeySpec": "AES_256" }),
    ] {
        service.refused("GenerateDataKey", request, "ValidationException").await;
    }
    service
        .refused(
            "GenerateDataKey",
            json!({ "KeyId": key, "KeySpec": "AES_256", "DryRun": true }),
            "DryRunOperationException",
        )
        .await;
}

#[tokio::test]
async fn aliases() {
    let service = service().await;
    let (first, second) = (service.key().await, service.key().await);
    service.ok("CreateAlias", json!({ "AliasName": "alias/a", "TargetKeyId": first })).await;
    service
        .refused("CreateAlias", json!({ "AliasName": "alias/a", "TargetKeyId": second }), "AlreadyExistsException")
        .await;
    service.ok("UpdateAlias", json!({ "AliasName": "alias/a", "TargetKeyId": second })).await;
    let listed = service.ok("ListAliases", json!({ "KeyId": second })).await;
    assert_eq!(listed["Aliases"][0]["AliasArn"], format!("arn:aws:kms:eu-west-1:{ACCOUNT}:alias/a"));
    assert_eq!(listed["Truncated"], false);
    assert_eq!(service.ok("DescribeKey", json!({ "KeyId": "alias/a" })).await["KeyMetadata"]["KeyId"], second);
    service.ok("DeleteAlias", json!({ "AliasName": "alias/a" })).await;
    service.refused("DescribeKey", json!({ "KeyId": "alias/a" }), "NotFoundException").await;
}

#[tokio::test]
async fn policies_tags_rotation() {
    let service = service().await;
    let key = service.key().await;
    let named = json!({ "KeyId": key });
    let policy = service.ok("GetKeyPolicy", named.clone()).await;
    assert_eq!(policy["PolicyName"], "default");
    service.ok("PutKeyPolicy", json!({ "KeyId": key, "Policy": policy["Policy"] })).await;
    service.refused("PutKeyPolicy", json!({ "KeyId": key, "Policy": "{" }), "MalformedPolicyDocumentException").await;
    assert_eq!(service.ok("ListKeyPolicies", named.clone()).await["PolicyNames"], json!(["default"]));

    service.ok("TagResource", json!({ "KeyId": key, "Tags": [{ "TagKey": "k", "TagValue": "v" }] })).await;
    service.ok("UntagResource", json!({ "KeyId": key, "TagKeys": ["k"] })).await;
    assert_eq!(service.ok("ListResourceTags", named.clone()).await["Tags"], json!([]));

    service.ok("RotateKeyOnDemand", named.clone()).await;
    assert_eq!(service.ok("ListKeyRotations", named.clone()).await["Rotations"][0]["RotationType"], "ON_DEMAND");
    service.ok("EnableKeyRotation", json!({ "KeyId": key, "RotationPeriodInDays": 90 })).await;
    assert_eq!(service.ok("GetKeyRotationStatus", named.clone()).await["RotationPeriodInDays"], 90);
    service.ok("DisableKeyRotation", named).await;
}

#[tokio::test]
async fn grants() {
    let service = service().await;
    let key = service.key().await;
    let grantee = format!("arn:aws:iam::{ACCOUNT}:root");
    let request = json!({ "KeyId": key, "GranteePrincipal": grantee, "RetiringPrincipal": grantee, "Operations": ["Decrypt"],
        "Constraints": { "EncryptionContextSubset": { "a": "b" } } });
    let grant = service.ok("CreateGrant", request).await;
    let listed = service.ok("ListGrants", json!({ "KeyId": key })).await;
    assert_eq!(listed["Grants"][0]["GrantId"], grant["GrantId"]);
    assert_eq!(listed["Grants"][0]["Constraints"]["EncryptionContextSubset"], json!({ "a": "b" }));
    let retirable = service.ok("ListRetirableGrants", json!({ "RetiringPrincipal": grantee })).await;
    assert_eq!(retirable["Grants"].as_array().unwrap().len(), 1);
    service.ok("RevokeGrant", json!({ "KeyId": key, "GrantId": grant["GrantId"] })).await;
    assert_eq!(service.ok("ListGrants", json!({ "KeyId": key })).await["Grants"], json!([]));

    let again = service
        .ok("CreateGrant", json!({ "KeyId": key, "GranteePrincipal": grantee, "Operations": ["Encrypt"] }))
        .await;
    service.ok("RetireGrant", json!({ "GrantToken": again["GrantToken"] })).await;
}

#[tokio::test]
async fn what_is_not_served_never_succeeds() {
    let service = service().await;
    let served = [
        "CancelKeyDeletion",
        "ConnectCustomKeyStore",
        "CreateAlias",
        "CreateCustomKeyStore",
        "CreateGrant",
        "CreateKey",
        "Decrypt",
        "DeleteAlias",
        "DeleteCustomKeyStore",
        "DeleteImportedKeyMaterial",
        "DeriveSharedSecret",
        "DescribeCustomKeyStores",
        "DescribeKey",
        "DisableKey",
        "DisableKeyRotation",
        "DisconnectCustomKeyStore",
        "EnableKey",
        "EnableKeyRotation",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GenerateRandom",
        "GetKeyLastUsage",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "GetParametersForImport",
        "GetPublicKey",
        "ImportKeyMaterial",
        "ListAliases",
        "ListGrants",
        "ListKeyPolicies",
        "ListKeyRotations",
        "ListKeys",
        "ListResourceTags",
        "ListRetirableGrants",
        "PutKeyPolicy",
        "ReEncrypt",
        "ReplicateKey",
        "RetireGrant",
        "RevokeGrant",
        "RotateKeyOnDemand",
        "ScheduleKeyDeletion",
        "Sign",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateCustomKeyStore",
        "UpdateKeyDescription",
        "UpdatePrimaryRegion",
        "Verify",
        "VerifyMac",
    ];
    assert_eq!(Kms::rows().len(), 56);
    assert_eq!(Kms::ALL.len(), served.len());
    for row in Kms::rows().iter().filter(|row| !served.contains(&row.name)) {
        service.refused(row.name, json!({}), "UnsupportedOperationException").await;
    }
    for operation in ["", "createKey", "CreateKey ", "CreateBucket", "__proto__"] {
        service.refused(operation, json!({}), "UnknownOperationException").await;
    }
    let key = service.key().await;
    for request in
        [json!({ "KeyId": key, "KeySpec": "AES_256", "Recipient": { "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256" } })]
    {
        let fault = service.call("GenerateDataKey", request).await.unwrap_err();
        assert!(fault.message.contains("Recipient"), "refused by name: {fault:?}");
    }
    for request in [
        json!({ "Origin": "EXTERNAL_KEY_STORE" }),
        json!({ "KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY" }),
        json!({ "XksKeyId": "x" }),
    ] {
        assert!(service.call("CreateKey", request.clone()).await.is_err(), "{request}");
    }
}

#[tokio::test]
async fn malformed_requests_are_serialization_errors_that_repeat_nothing() {
    let service = service().await;
    for body in
        ["", "[]", "{\"KeyId\":7}", "{\"Plaintext\":\"hunter2!\"}", "{\"KeyId\":\"a\",\"KeyId\":\"b\"}", "\u{7f}"]
    {
        let error = call(&service.kms, &service.caller, "Encrypt", body.as_bytes()).await.unwrap_err();
        let fault = error.fault(Protocol::Json);
        let wanted = if body.is_empty() { "ValidationException" } else { "SerializationException" };
        assert_eq!((fault.code, fault.status), (wanted, StatusCode::BAD_REQUEST), "{body}");
        assert!(!fault.message.contains("hunter2"));
    }
}

#[tokio::test]
async fn the_record_holds_each_call_and_no_plaintext() {
    let service = service().await;
    let key = service.key().await;
    let encrypted = service.ok("Encrypt", json!({ "KeyId": key, "Plaintext": SECRET })).await;
    service.ok("Decrypt", json!({ "CiphertextBlob": encrypted["CiphertextBlob"] })).await;
    let events = service.record.events();
    let names: Vec<&str> = events.iter().map(|event| event.event_name.as_str()).collect();
    assert_eq!(names, ["CreateKey", "Encrypt", "Decrypt"]);
    assert!(!serde_json::to_string(&events).unwrap().contains(SECRET));
}
