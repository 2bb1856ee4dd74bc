//! Parameters that are none: refused in AWS's words before anyone is asked, and recorded all the same.

use serde_json::{Value, json};

use super::tests::{Service, service};

const INVALID: &str = "ValidationException";

async fn key(service: &Service) -> String {
    service.ok("CreateKey", json!({})).await["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

/// Refused, and recorded as what was refused. What has not the operation's shape is told elsewhere.
async fn refused(service: &Service, operation: &str, request: Value, code: &str) {
    service.refused(operation, request, code).await;
    if code != "SerializationException" {
        let event = service.last_event();
        assert_eq!((event.event_name.as_str(), event.error_code.as_deref()), (operation, Some(code)));
    }
}

#[tokio::test]
async fn names_of_aliases_are_refused_by_what_is_wrong_with_them() {
    let service = service().await;
    let key = key(&service).await;
    let long = format!("alias/{}", "a".repeat(251));
    for (name, code) in [
        ("alias/aws/s3", "NotAuthorizedException"),
        ("alias/aws/s3:x", "NotAuthorizedException"),
        ("alias/", INVALID),
        ("app", INVALID),
        ("", INVALID),
        ("alias/a b", INVALID),
        ("alias/a:b", INVALID),
        ("alias/a\u{e9}", INVALID),
        (&long, INVALID),
    ] {
        for operation in ["CreateAlias", "UpdateAlias"] {
            refused(&service, operation, json!({ "AliasName": name, "TargetKeyId": key }), code).await;
        }
        refused(&service, "DeleteAlias", json!({ "AliasName": name }), code).await;
    }
}

#[tokio::test]
async fn numbers_names_and_texts_out_of_bounds_are_refused() {
    let service = service().await;
    // A key that there is not: what is refused only once somebody asked for it is not found.
    let key = "x";
    let mut wrong: Vec<(&str, Value, &str)> = Vec::new();
    for limit in [0, 101, -1] {
        wrong.push(("ListAliases", json!({ "Limit": limit }), INVALID));
    }
    for limit in [0, 1001] {
        wrong.push(("ListKeyPolicies", json!({ "KeyId": key, "Limit": limit }), INVALID));
        wrong.push(("ListKeyRotations", json!({ "KeyId": key, "Limit": limit }), INVALID));
    }
    for marker in ["", "!", "a", "_w"] {
        wrong.push(("ListAliases", json!({ "Marker": marker }), "InvalidMarkerException"));
    }
    for days in [0, 89, 2561, -90, i64::MAX] {
        wrong.push(("EnableKeyRotation", json!({ "KeyId": key, "RotationPeriodInDays": days }), INVALID));
    }
    for days in [0, 6, 31, -7, i64::MIN] {
        wrong.push(("ScheduleKeyDeletion", json!({ "KeyId": key, "PendingWindowInDays": days }), INVALID));
    }
    wrong.push(("ListKeyRotations", json!({ "KeyId": key, "IncludeKeyMaterial": "ALL" }), INVALID));
    wrong.push(("ListKeyPolicies", json!({ "KeyId": key, "Marker": "?" }), "InvalidMarkerException"));
    wrong.push(("ListKeyPolicies", json!({ "KeyId": key, "Marker": 7 }), "SerializationException"));
    wrong.push(("DescribeKey", json!({ "KeyId": key, "GrantTokens": 7 }), "SerializationException"));
    wrong.push(("UpdateKeyDescription", json!({ "KeyId": key, "Description": "d".repeat(8193) }), INVALID));
    let tags: Vec<_> = (0..51).map(|n| json!({ "TagKey": n.to_string(), "TagValue": "" })).collect();
    wrong.push(("TagResource", json!({ "KeyId": key, "Tags": tags }), "TagException"));
    wrong.push(("PutKeyPolicy", json!({ "KeyId": key }), INVALID));
    wrong.push(("PutKeyPolicy", json!({ "KeyId": key, "Policy": " ".repeat(131_073) }), INVALID));
    for (operation, request, code) in wrong {
        refused(&service, operation, request, code).await;
    }
}

#[tokio::test]
async fn what_is_refused_here_is_an_event_with_its_parameters_as_they_were_sent() {
    let service = service().await;
    service.refused("CreateAlias", json!({ "AliasName": "app", "TargetKeyId": "x" }), INVALID).await;
    let event = service.last_event();
    assert_eq!((event.event_name.as_str(), event.error_code.as_deref()), ("CreateAlias", Some(INVALID)));
    assert_eq!(event.request_parameters, json!({ "aliasName": "app", "targetKeyId": "x" }));
    assert!(event.error_message.unwrap().starts_with("Alias must start with the prefix"));
}

#[tokio::test]
async fn a_listing_goes_on_behind_its_marker() {
    let service = service().await;
    let key = key(&service).await;
    for name in ["alias/a", "alias/b", "alias/c"] {
        service.ok("CreateAlias", json!({ "AliasName": name, "TargetKeyId": key })).await;
    }
    let first = service.ok("ListAliases", json!({ "Limit": 2 })).await;
    assert_eq!((&first["Truncated"], first["Aliases"].as_array().unwrap().len()), (&json!(true), 2));
    let rest = service.ok("ListAliases", json!({ "Limit": 2, "Marker": first["NextMarker"] })).await;
    assert_eq!((&rest["Truncated"], &rest["Aliases"][0]["AliasName"]), (&json!(false), &json!("alias/c")));
    assert_eq!(rest.get("NextMarker"), None);
}

/// `length` bytes in base64.
fn bytes(length: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(vec![7; length])
}

/// A request like another, with a member of its own.
fn with(request: &Value, member: &str, value: Value) -> Value {
    let mut request = request.clone();
    request[member] = value;
    request
}

#[tokio::test]
async fn what_cannot_be_encrypted_opened_or_drawn_is_refused() {
    let service = service().await;
    // A key that there is not: what is refused only once somebody asked for it is not found.
    let key = "x";
    let encrypt = json!({ "KeyId": key, "Plaintext": bytes(1) });
    let decrypt = json!({ "CiphertextBlob": bytes(9) });
    let data_key = json!({ "KeyId": key });
    let huge = json!({ "k": "v".repeat(9000) });
    let tokens = json!(vec!["t"; 11]);
    let mut wrong = vec![
        ("Encrypt", with(&encrypt, "Plaintext", json!("")), INVALID),
        ("Encrypt", with(&encrypt, "Plaintext", bytes(4097).into()), INVALID),
        ("Encrypt", with(&encrypt, "EncryptionContext", huge), INVALID),
        ("Encrypt", with(&encrypt, "EncryptionAlgorithm", json!("RSA")), INVALID),
        ("Encrypt", with(&encrypt, "GrantTokens", tokens), INVALID),
        ("Decrypt", json!({}), INVALID),
        ("Decrypt", json!({ "CiphertextBlob": bytes(6145) }), INVALID),
        ("Decrypt", with(&decrypt, "Recipient", json!({})), "UnsupportedOperationException"),
        ("Decrypt", json!({ "KeyId": key, "DryRunModifiers": ["IGNORE_CIPHERTEXT"] }), INVALID),
        ("Decrypt", json!({ "KeyId": key, "DryRun": true, "DryRunModifiers": ["IGNORE_POLICY"] }), INVALID),
        ("ReEncrypt", json!({ "DestinationKeyId": key, "CiphertextBlob": "" }), INVALID),
        ("GenerateRandom", json!({}), INVALID),
        ("GenerateRandom", json!({ "NumberOfBytes": 0 }), INVALID),
        ("GenerateRandom", json!({ "NumberOfBytes": 1025 }), INVALID),
        ("GenerateRandom", json!({ "NumberOfBytes": 1, "Recipient": {} }), "UnsupportedOperationException"),
    ];
    for operation in ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"] {
        wrong.push((operation, data_key.clone(), INVALID));
        wrong.push((operation, json!({ "KeyId": key, "KeySpec": "AES_256", "NumberOfBytes": 32 }), INVALID));
        wrong.extend([0, 1025, -1].map(|n| (operation, with(&data_key, "NumberOfBytes", json!(n)), INVALID)));
        wrong.extend(["AES_512", ""].map(|spec| (operation, with(&data_key, "KeySpec", json!(spec)), INVALID)));
    }
    let sized = json!({ "KeyId": key, "NumberOfBytes": 1, "Recipient": {} });
    wrong.push(("GenerateDataKey", sized, "UnsupportedOperationException"));
    for (operation, request, code) in wrong {
        refused(&service, operation, request, code).await;
    }
    let permission =
        json!({ "KeyId": self::key(&service).await, "DryRun": true, "DryRunModifiers": ["IGNORE_CIPHERTEXT"] });
    refused(&service, "Decrypt", permission, "DryRunOperationException").await;
}

#[tokio::test]
async fn what_cannot_be_signed_agreed_on_or_paired_is_refused() {
    let service = service().await;
    // A key that there is not: what is refused only once somebody asked for it is not found.
    let key = "x";
    let sign = json!({ "KeyId": key, "Message": bytes(1), "SigningAlgorithm": "ECDSA_SHA_256" });
    let mac = json!({ "KeyId": key, "Message": bytes(1), "MacAlgorithm": "HMAC_SHA_256" });
    let agree = json!({ "KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": bytes(9) });
    let mut wrong = vec![
        ("Verify", with(&sign, "Signature", json!("")), INVALID),
        ("VerifyMac", with(&mac, "Mac", bytes(6145).into()), INVALID),
        ("DeriveSharedSecret", with(&agree, "KeyAgreementAlgorithm", json!("DH")), INVALID),
        ("DeriveSharedSecret", with(&agree, "PublicKey", json!("")), INVALID),
        ("DeriveSharedSecret", with(&agree, "Recipient", json!({})), "UnsupportedOperationException"),
        ("GetPublicKey", json!({ "KeyId": key, "GrantTokens": [""] }), INVALID),
    ];
    for bad in [bytes(0), bytes(4097)] {
        wrong.push(("Sign", with(&sign, "Message", json!(bad)), INVALID));
        wrong.push(("GenerateMac", with(&mac, "Message", json!(bad)), INVALID));
    }
    wrong.push(("Sign", with(&sign, "SigningAlgorithm", json!("RSA")), INVALID));
    wrong.push(("Sign", with(&sign, "MessageType", json!("COOKED")), INVALID));
    wrong.push(("GenerateMac", with(&mac, "MacAlgorithm", json!("HMAC")), INVALID));
    for spec in ["", "SYMMETRIC_DEFAULT", "HMAC_256", "ML_DSA_44", "RSA_1024"] {
        let request = json!({ "KeyId": key, "KeyPairSpec": spec });
        wrong.push(("GenerateDataKeyPairWithoutPlaintext", request.clone(), INVALID));
        wrong.push(("GenerateDataKeyPair", request, INVALID));
    }
    let pair = json!({ "KeyId": key, "KeyPairSpec": "SM2" });
    wrong.push(("GenerateDataKeyPair", pair, "UnsupportedOperationException"));
    let pair = json!({ "KeyId": key, "KeyPairSpec": "ECC_NIST_P256", "Recipient": {} });
    wrong.push(("GenerateDataKeyPair", pair, "UnsupportedOperationException"));
    for (operation, request, code) in wrong {
        refused(&service, operation, request, code).await;
    }
}

#[tokio::test]
async fn the_record_tells_of_a_cryptographic_call_what_it_named_and_nothing_secret() {
    let service = service().await;
    let key = key(&service).await;
    let context = json!({ "purpose": "test" });
    let request =
        json!({ "KeyId": key, "Plaintext": "c2VjcmV0", "EncryptionContext": context, "GrantTokens": ["tok"] });
    service.ok("Encrypt", request).await;
    let told = service.last_event();
    let shown = json!({ "keyId": key, "encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context });
    assert_eq!(told.request_parameters, shown);
    service.refused("GenerateDataKey", json!({ "KeyId": key, "EncryptionContext": context }), INVALID).await;
    let told = service.last_event();
    assert_eq!(told.request_parameters, json!({ "keyId": key, "encryptionContext": context }));
    assert_eq!(told.error_code.as_deref(), Some(INVALID));
    let made = service.ok("CreateKey", json!({ "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY" })).await;
    let key = &made["KeyMetadata"]["KeyId"];
    service.ok("Sign", json!({ "KeyId": key, "Message": bytes(1), "SigningAlgorithm": "ECDSA_SHA_256" })).await;
    let shown = json!({ "keyId": key, "messageType": "RAW", "signingAlgorithm": "ECDSA_SHA_256" });
    assert_eq!(service.last_event().request_parameters, shown);
    let grant = json!({ "KeyId": key, "GranteePrincipal": "arn:aws:iam::111122223333:root", "Operations": ["Sign"] });
    let made = service.ok("CreateGrant", grant).await;
    assert_eq!(service.last_event().response_elements, json!({ "grantId": made["GrantId"] }));
    service.ok("RetireGrant", json!({ "GrantToken": made["GrantToken"] })).await;
    let told = service.last_event();
    assert!(!serde_json::to_string(&told).unwrap().contains(made["GrantToken"].as_str().unwrap()), "{told:?}");
}

#[tokio::test]
async fn keys_and_tags_that_cannot_be_are_refused() {
    let service = service().await;
    const UNSUPPORTED: &str = "UnsupportedOperationException";
    let tag = |key: &str| json!({ "TagKey": key, "TagValue": "" });
    let many: Vec<_> = (0..51).map(|n| tag(&n.to_string())).collect();
    for (request, code) in [
        (json!({ "KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY" }), UNSUPPORTED),
        (json!({ "KeySpec": "SM2" }), UNSUPPORTED),
        (json!({ "KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE" }), UNSUPPORTED),
        (json!({ "Origin": "EXTERNAL_KEY_STORE" }), UNSUPPORTED),
        (json!({ "Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1", "MultiRegion": true }), UNSUPPORTED),
        (json!({ "XksKeyId": "x" }), UNSUPPORTED),
        (json!({ "KeySpec": "AES" }), INVALID),
        (json!({ "KeyUsage": "ENCRYPT" }), INVALID),
        (json!({ "KeyUsage": "SIGN_VERIFY" }), INVALID),
        (json!({ "KeySpec": "RSA_2048" }), INVALID),
        (json!({ "CustomerMasterKeySpec": "HMAC_256" }), INVALID),
        (json!({ "KeySpec": "HMAC_256", "KeyUsage": "SIGN_VERIFY" }), INVALID),
        (json!({ "KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_3072", "KeyUsage": "SIGN_VERIFY" }), INVALID),
        (json!({ "Origin": "AWS_CLOUDHSM" }), INVALID),
        (json!({ "CustomKeyStoreId": "cks-1" }), INVALID),
        (json!({ "Origin": "EXTERNAL", "CustomKeyStoreId": "cks-1" }), INVALID),
        (json!({ "Origin": "ELSEWHERE" }), INVALID),
        (json!({ "Description": "d".repeat(8193) }), INVALID),
        (json!({ "Policy": "" }), INVALID),
        (json!({ "Tags": [tag("")] }), INVALID),
        (json!({ "Tags": [tag(&"k".repeat(129))] }), INVALID),
        (json!({ "Tags": [tag("a"), tag("a")] }), "TagException"),
        (json!({ "Tags": [tag("AWS:x")] }), "TagException"),
        (json!({ "Tags": many }), "TagException"),
    ] {
        refused(&service, "CreateKey", request, code).await;
    }
    assert_eq!(service.ok("ListKeys", json!({})).await["Keys"], json!([]));
    refused(&service, "ListKeys", json!({ "ResourceOwners": ["OTHER_ACCOUNTS_VIA_RAM"] }), UNSUPPORTED).await;
    refused(&service, "ListKeys", json!({ "ResourceOwners": ["ALL"] }), INVALID).await;
    refused(&service, "ListKeys", json!({ "Marker": "?" }), "InvalidMarkerException").await;
    refused(&service, "ListResourceTags", json!({ "KeyId": "x", "Limit": 51 }), INVALID).await;
    for odd in ["", "nowhere", "EU-WEST-1", "eu_west_1", "eu-west", "1-2-3"] {
        refused(&service, "ReplicateKey", json!({ "KeyId": "x", "ReplicaRegion": odd }), INVALID).await;
        refused(&service, "UpdatePrimaryRegion", json!({ "KeyId": "x", "PrimaryRegion": odd }), INVALID).await;
    }
}

#[tokio::test]
async fn grants_that_cannot_be_are_refused() {
    let service = service().await;
    let key = key(&service).await;
    const UNSUPPORTED: &str = "UnsupportedOperationException";
    let root = "arn:aws:iam::111122223333:root";
    let good = json!({ "KeyId": key, "GranteePrincipal": root, "Operations": ["Encrypt"] });
    let nine: serde_json::Map<_, _> = (0..9).map(|n| (n.to_string(), json!(""))).collect();
    let both = json!({ "EncryptionContextEquals": { "k": "v" }, "EncryptionContextSubset": { "k": "v" } });
    for (member, value, code) in [
        ("Operations", json!([]), INVALID),
        ("Operations", json!(["DeleteKey"]), INVALID),
        ("Operations", json!(["Sign"]), INVALID),
        ("GranteePrincipal", json!("bob"), "InvalidArnException"),
        ("GranteePrincipal", json!("arn:aws:s3:::b"), "InvalidArnException"),
        ("RetiringPrincipal", json!("*"), "InvalidArnException"),
        ("Name", json!("a b"), INVALID),
        ("Name", json!(""), INVALID),
        ("Constraints", both, INVALID),
        ("Constraints", json!({ "EncryptionContextEquals": nine }), INVALID),
        ("Constraints", json!({ "SourceArn": "arn:aws:s3:::b" }), UNSUPPORTED),
        ("GranteeServicePrincipal", json!("s3.amazonaws.com"), UNSUPPORTED),
        ("RetiringServicePrincipal", json!("s3.amazonaws.com"), UNSUPPORTED),
        ("GrantTokens", json!([""]), INVALID),
    ] {
        refused(&service, "CreateGrant", with(&good, member, value), code).await;
    }
    let list = json!({ "KeyId": key });
    refused(&service, "ListGrants", with(&list, "GranteeServicePrincipal", json!("x")), UNSUPPORTED).await;
    refused(&service, "ListGrants", with(&list, "Limit", json!(101)), INVALID).await;
    refused(&service, "ListRetirableGrants", json!({ "RetiringPrincipal": "bob" }), "InvalidArnException").await;
    refused(&service, "RevokeGrant", json!({ "KeyId": key, "GrantId": "" }), INVALID).await;
    assert_eq!(service.ok("ListGrants", list).await, json!({ "Grants": [], "Truncated": false }));
    let constrained = with(&good, "Constraints", json!({ "EncryptionContextSubset": { "k": "v" } }));
    service.ok("CreateGrant", constrained).await;
    let told = service.last_event();
    assert_eq!(told.request_parameters["constraints"], json!({ "EncryptionContextSubset": { "k": "v" } }));
    let listed = service.ok("ListGrants", json!({ "KeyId": key })).await;
    assert_eq!(listed["Grants"][0]["Constraints"], json!({ "EncryptionContextSubset": { "k": "v" } }));
}

#[tokio::test]
async fn material_that_cannot_be_imported_is_refused() {
    let service = service().await;
    let key = service.ok("CreateKey", json!({ "Origin": "EXTERNAL" })).await;
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    const UNSUPPORTED: &str = "UnsupportedOperationException";
    for (algorithm, spec, code) in [
        ("RSAES_PKCS1_V1_5", "RSA_2048", UNSUPPORTED),
        ("SM2PKE", "RSA_2048", UNSUPPORTED),
        ("RSA", "RSA_2048", INVALID),
        ("RSAES_OAEP_SHA_1", "SM2", UNSUPPORTED),
        ("RSAES_OAEP_SHA_1", "RSA_1024", INVALID),
        ("RSAES_OAEP_SHA_1", "", INVALID),
    ] {
        let request = json!({ "KeyId": key, "WrappingAlgorithm": algorithm, "WrappingKeySpec": spec });
        refused(&service, "GetParametersForImport", request, code).await;
    }
    let never = json!({ "KeyId": key, "ImportToken": bytes(9), "EncryptedKeyMaterial": bytes(9),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE" });
    refused(&service, "ImportKeyMaterial", never.clone(), "InvalidImportTokenException").await;
    for (member, value) in [
        ("ExpirationModel", json!("NEVER")),
        ("ExpirationModel", json!("KEY_MATERIAL_EXPIRES")),
        ("ImportToken", json!("")),
        ("EncryptedKeyMaterial", bytes(6145).into()),
        ("ValidTo", json!(1_767_229_200)),
        ("ImportType", json!("OLD")),
        ("KeyMaterialDescription", json!("a\u{e9}")),
        ("KeyMaterialDescription", json!("d".repeat(257))),
        ("KeyMaterialId", json!("a".repeat(63))),
        ("KeyMaterialId", json!("A".repeat(64))),
    ] {
        refused(&service, "ImportKeyMaterial", with(&never, member, value), INVALID).await;
    }
    let named = with(&with(&never, "ImportType", json!("NEW_KEY_MATERIAL")), "KeyMaterialId", "a".repeat(64).into());
    refused(&service, "ImportKeyMaterial", named, INVALID).await;
    let short = json!({ "KeyId": key, "KeyMaterialId": "a" });
    refused(&service, "DeleteImportedKeyMaterial", short, INVALID).await;
}

#[tokio::test]
async fn key_stores_that_cannot_be_are_refused() {
    let service = service().await;
    const UNSUPPORTED: &str = "UnsupportedOperationException";
    let good = json!({ "CustomKeyStoreName": "a", "CloudHsmClusterId": "cluster-zzzzzzzzzzz",
        "TrustAnchorCertificate": "anchor", "KeyStorePassword": "1234567" });
    service.refused("CreateCustomKeyStore", good.clone(), "CloudHsmClusterNotFoundException").await;
    let told = service.last_event();
    assert_eq!(told.request_parameters["keyStorePassword"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    for (member, value, code) in [
        ("CustomKeyStoreName", json!(""), INVALID),
        ("CloudHsmClusterId", json!(null), INVALID),
        ("CloudHsmClusterId", json!("cluster-0189"), INVALID),
        ("CloudHsmClusterId", json!("cluster-00000000000"), INVALID),
        ("KeyStorePassword", json!(null), INVALID),
        ("KeyStorePassword", json!("123456"), INVALID),
        ("TrustAnchorCertificate", json!(null), INVALID),
        ("CustomKeyStoreType", json!("EXTERNAL_KEY_STORE"), UNSUPPORTED),
        ("CustomKeyStoreType", json!("ELSEWHERE"), INVALID),
        ("XksProxyConnectivity", json!("PUBLIC_ENDPOINT"), INVALID),
    ] {
        refused(&service, "CreateCustomKeyStore", with(&good, member, value), code).await;
    }
    let change = json!({ "CustomKeyStoreId": "cks-1" });
    refused(&service, "UpdateCustomKeyStore", with(&change, "KeyStorePassword", json!("1")), INVALID).await;
    refused(&service, "UpdateCustomKeyStore", with(&change, "CloudHsmClusterId", json!("x")), INVALID).await;
    refused(&service, "UpdateCustomKeyStore", with(&change, "XksProxyUriPath", json!("/x")), INVALID).await;
    refused(&service, "UpdateCustomKeyStore", with(&change, "NewCustomKeyStoreName", json!("")), INVALID).await;
    refused(&service, "ConnectCustomKeyStore", change, "CustomKeyStoreNotFoundException").await;
    refused(&service, "DescribeCustomKeyStores", json!({ "Limit": 0 }), INVALID).await;
}
