//! IAM's operations.

use super::*;

const TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;

#[tokio::test]
async fn users() {
    let edge = Edge::new().await;
    let created = edge
        .iam(
            "CreateUser",
            &[("UserName", "Ann"), ("Path", "/a/"), ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")],
        )
        .await;
    assert_eq!(created.element("Arn"), format!("arn:aws:iam::{ACCOUNT}:user/a/Ann"));
    assert_eq!(created.element("CreateDate"), "2026-01-01T00:00:00Z");
    assert_eq!(created.element("Tags"), "<member><Key>k</Key><Value>v</Value></member>");
    edge.iam_refused("CreateUser", &[("UserName", "ann")], 409, "EntityAlreadyExists").await;
    edge.iam_refused("CreateUser", &[("UserName", "a b")], 400, "ValidationError").await;
    edge.iam_refused("CreateUser", &[], 400, "ValidationError").await;
    edge.iam_refused("GetUser", &[("UserName", "none")], 404, "NoSuchEntity").await;
    assert_eq!(edge.iam("GetUser", &[]).await.element("Arn"), format!("arn:aws:iam::{ACCOUNT}:root"));

    edge.iam("CreateUser", &[("UserName", "Bob")]).await;
    let first = edge.iam("ListUsers", &[("MaxItems", "1")]).await;
    assert_eq!((first.element("UserName"), first.element("IsTruncated")), ("Ann".to_owned(), "true".to_owned()));
    let second = edge.iam("ListUsers", &[("MaxItems", "1"), ("Marker", &first.element("Marker"))]).await;
    assert_eq!((second.element("UserName"), second.element("IsTruncated")), ("Bob".to_owned(), "false".to_owned()));
    edge.iam_refused("ListUsers", &[("MaxItems", "1001")], 400, "ValidationError").await;

    edge.iam("UpdateUser", &[("UserName", "Bob"), ("NewUserName", "Rob"), ("NewPath", "/r/")]).await;
    assert_eq!(edge.iam("GetUser", &[("UserName", "Rob")]).await.element("Path"), "/r/");
    edge.iam("TagUser", &[("UserName", "Rob"), ("Tags.member.1.Key", "x"), ("Tags.member.1.Value", "")]).await;
    assert_eq!(edge.iam("ListUserTags", &[("UserName", "Rob")]).await.element("Key"), "x");
    edge.iam("UntagUser", &[("UserName", "Rob"), ("TagKeys.member.1", "x")]).await;
    assert!(edge.iam("ListUserTags", &[("UserName", "Rob")]).await.body.contains("<Tags/>"));
    edge.iam("DeleteUser", &[("UserName", "Rob")]).await;
    edge.iam_refused("DeleteUser", &[("UserName", "Rob")], 404, "NoSuchEntity").await;
}

#[tokio::test]
async fn groups() {
    let edge = Edge::new().await;
    edge.iam("CreateGroup", &[("GroupName", "g")]).await;
    edge.iam("CreateUser", &[("UserName", "u")]).await;
    edge.iam("AddUserToGroup", &[("GroupName", "g"), ("UserName", "u")]).await;
    let group = edge.iam("GetGroup", &[("GroupName", "g")]).await;
    assert_eq!((group.element("GroupName"), group.element("UserName")), ("g".to_owned(), "u".to_owned()));
    assert_eq!(edge.iam("ListGroupsForUser", &[("UserName", "u")]).await.element("GroupName"), "g");
    edge.iam_refused("DeleteGroup", &[("GroupName", "g")], 409, "DeleteConflict").await;
    edge.iam("UpdateGroup", &[("GroupName", "g"), ("NewGroupName", "h")]).await;
    assert_eq!(edge.iam("ListGroups", &[]).await.element("GroupName"), "h");
    edge.iam("RemoveUserFromGroup", &[("GroupName", "h"), ("UserName", "u")]).await;
    edge.iam("DeleteGroup", &[("GroupName", "h")]).await;
    edge.iam_refused("GetGroup", &[("GroupName", "h")], 404, "NoSuchEntity").await;
}

#[tokio::test]
async fn roles() {
    let edge = Edge::new().await;
    let created =
        edge.iam("CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", TRUST), ("Description", "d")]).await;
    assert!(created.element("AssumeRolePolicyDocument").starts_with("%7B%22Version%22%3A%222012-10-17%22"));
    assert!(!created.body.contains("MaxSessionDuration") && !created.body.contains("RoleLastUsed"));
    let fresh = edge.iam("GetRole", &[("RoleName", "r")]).await;
    assert_eq!(fresh.element("MaxSessionDuration"), "3600");
    assert!(fresh.body.contains("<RoleLastUsed/>"), "{}", fresh.body);
    edge.iam_refused(
        "CreateRole",
        &[("RoleName", "s"), ("AssumeRolePolicyDocument", "{")],
        400,
        "MalformedPolicyDocument",
    )
    .await;
    edge.iam_refused("CreateRole", &[("RoleName", "s")], 400, "ValidationError").await;
    let updated = edge.iam("UpdateRole", &[("RoleName", "r"), ("MaxSessionDuration", "7200")]).await;
    assert!(updated.body.contains("<UpdateRoleResult/>"));
    let role = edge.iam("GetRole", &[("RoleName", "r")]).await;
    assert_eq!((role.element("MaxSessionDuration"), role.element("Description")), ("7200".to_owned(), "d".to_owned()));
    edge.iam("UpdateAssumeRolePolicy", &[("RoleName", "r"), ("PolicyDocument", TRUST)]).await;
    edge.iam("TagRole", &[("RoleName", "r"), ("Tags.member.1.Key", "x"), ("Tags.member.1.Value", "y")]).await;
    assert_eq!(edge.iam("ListRoleTags", &[("RoleName", "r")]).await.element("Value"), "y");
    edge.iam("UntagRole", &[("RoleName", "r"), ("TagKeys.member.1", "x")]).await;
    assert_eq!(edge.iam("ListRoles", &[]).await.element("RoleName"), "r");
    assert!(edge.iam("ListInstanceProfilesForRole", &[("RoleName", "r")]).await.body.contains("<InstanceProfiles/>"));
    edge.iam(
        "PutRolePermissionsBoundary",
        &[("RoleName", "r"), ("PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess")],
    )
    .await;
    assert_eq!(edge.iam("GetRole", &[("RoleName", "r")]).await.element("PermissionsBoundaryType"), "Policy");
    edge.iam("DeleteRolePermissionsBoundary", &[("RoleName", "r")]).await;
    edge.iam_refused("DeleteRolePermissionsBoundary", &[("RoleName", "r")], 404, "NoSuchEntity").await;
    edge.iam("DeleteRole", &[("RoleName", "r")]).await;
    edge.iam_refused("GetRole", &[("RoleName", "r")], 404, "NoSuchEntity").await;
}

#[tokio::test]
async fn access_keys() {
    let edge = Edge::new().await;
    let user = edge.user("u", &policy("Allow", "iam:*", "*")).await;
    let listed = edge.iam("ListAccessKeys", &[("UserName", "u")]).await;
    assert_eq!(
        (listed.element("AccessKeyId"), listed.element("Status")),
        (user.access_key_id.clone(), "Active".to_owned())
    );
    assert!(!listed.body.contains("Secret"));
    // A user may leave its own name out.
    let second = edge.query(&user, "iam", &[("Action", "CreateAccessKey")]).await;
    assert_eq!(second.element("UserName"), "u");
    edge.iam_refused("CreateAccessKey", &[("UserName", "u")], 409, "LimitExceeded").await;
    edge.iam_refused(
        "UpdateAccessKey",
        &[("UserName", "u"), ("AccessKeyId", "AKIA"), ("Status", "Active")],
        404,
        "NoSuchEntity",
    )
    .await;
    edge.iam_refused(
        "UpdateAccessKey",
        &[("UserName", "u"), ("AccessKeyId", &user.access_key_id), ("Status", "Off")],
        400,
        "ValidationError",
    )
    .await;
    assert_eq!(
        edge.iam("GetAccessKeyLastUsed", &[("AccessKeyId", &user.access_key_id)]).await.element("UserName"),
        "u"
    );
    edge.iam_refused("GetAccessKeyLastUsed", &[("AccessKeyId", "AKIANONE")], 404, "NoSuchEntity").await;
    assert!(!edge.record().contains(&second.element("SecretAccessKey")), "no secret in the record");
    assert!(edge.record().contains(&second.element("AccessKeyId")));
}

#[tokio::test]
async fn inline_and_attached_policies_of_each_kind_of_entity() {
    let edge = Edge::new().await;
    edge.iam("CreateUser", &[("UserName", "x")]).await;
    edge.iam("CreateGroup", &[("GroupName", "x")]).await;
    edge.iam("CreateRole", &[("RoleName", "x"), ("AssumeRolePolicyDocument", TRUST)]).await;
    let document = policy("Allow", "s3:*", "*");
    let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    for kind in ["User", "Group", "Role"] {
        let parameter = format!("{kind}Name");
        let named = (&*parameter, "x");
        let inline = [named, ("PolicyName", "p")];
        edge.iam(&format!("Put{kind}Policy"), &[named, ("PolicyName", "p"), ("PolicyDocument", &document)]).await;
        edge.iam_refused(
            &format!("Put{kind}Policy"),
            &[named, ("PolicyName", "p"), ("PolicyDocument", "[]")],
            400,
            "MalformedPolicyDocument",
        )
        .await;
        let shown = edge.iam(&format!("Get{kind}Policy"), &inline).await;
        assert_eq!((shown.element(&parameter), shown.element("PolicyName")), ("x".to_owned(), "p".to_owned()));
        let decoded =
            percent_encoding::percent_decode_str(&shown.element("PolicyDocument")).decode_utf8().unwrap().into_owned();
        assert_eq!(decoded, document);
        assert_eq!(edge.iam(&format!("List{kind}Policies"), &[named]).await.element("member"), "p");
        edge.iam(&format!("Attach{kind}Policy"), &[named, ("PolicyArn", arn)]).await;
        assert_eq!(edge.iam(&format!("ListAttached{kind}Policies"), &[named]).await.element("PolicyArn"), arn);
        edge.iam_refused(&format!("Delete{kind}"), &[named], 409, "DeleteConflict").await;
        edge.iam_refused(&format!("Attach{kind}Policy"), &[named, ("PolicyArn", "nothing")], 400, "ValidationError")
            .await;
        edge.iam(&format!("Detach{kind}Policy"), &[named, ("PolicyArn", arn)]).await;
        edge.iam_refused(&format!("Detach{kind}Policy"), &[named, ("PolicyArn", arn)], 404, "NoSuchEntity").await;
        edge.iam(&format!("Delete{kind}Policy"), &inline).await;
        edge.iam_refused(&format!("Get{kind}Policy"), &inline, 404, "NoSuchEntity").await;
        edge.iam(&format!("Delete{kind}"), &[named]).await;
    }
}

#[tokio::test]
async fn managed_policies_and_their_versions() {
    let edge = Edge::new().await;
    let document = policy("Allow", "s3:*", "*");
    let created = edge
        .iam(
            "CreatePolicy",
            &[("PolicyName", "p"), ("Path", "/x/"), ("PolicyDocument", &document), ("Description", "d")],
        )
        .await;
    let arn = created.element("Arn");
    assert_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:policy/x/p"));
    let named = ("PolicyArn", &*arn);
    assert_eq!(edge.iam("GetPolicy", &[named]).await.element("Description"), "d");
    let version =
        edge.iam("CreatePolicyVersion", &[named, ("PolicyDocument", &document), ("SetAsDefault", "true")]).await;
    assert_eq!(
        (version.element("VersionId"), version.element("IsDefaultVersion")),
        ("v2".to_owned(), "true".to_owned())
    );
    assert!(edge.iam("GetPolicyVersion", &[named, ("VersionId", "v1")]).await.element("Document").starts_with("%7B"));
    assert_eq!(edge.iam("ListPolicyVersions", &[named]).await.element("VersionId"), "v2");
    edge.iam_refused("DeletePolicyVersion", &[named, ("VersionId", "v2")], 409, "DeleteConflict").await;
    edge.iam("SetDefaultPolicyVersion", &[named, ("VersionId", "v1")]).await;
    edge.iam("DeletePolicyVersion", &[named, ("VersionId", "v2")]).await;
    edge.iam("TagPolicy", &[named, ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]).await;
    assert_eq!(edge.iam("ListPolicyTags", &[named]).await.element("Key"), "k");
    edge.iam("UntagPolicy", &[named, ("TagKeys.member.1", "k")]).await;

    edge.iam("CreateUser", &[("UserName", "u")]).await;
    edge.iam("AttachUserPolicy", &[("UserName", "u"), named]).await;
    edge.iam("PutUserPermissionsBoundary", &[("UserName", "u"), ("PermissionsBoundary", &arn)]).await;
    assert_eq!(edge.iam("ListEntitiesForPolicy", &[named, ("EntityFilter", "User")]).await.element("UserName"), "u");
    assert!(!edge.iam("ListEntitiesForPolicy", &[named, ("EntityFilter", "Role")]).await.body.contains("<UserName>"));
    assert_eq!(edge.iam("ListPolicies", &[("Scope", "Local"), ("OnlyAttached", "true")]).await.element("Arn"), arn);
    edge.iam_refused("DeletePolicy", &[named], 409, "DeleteConflict").await;
    edge.iam("DetachUserPolicy", &[("UserName", "u"), named]).await;
    edge.iam("DeleteUserPermissionsBoundary", &[("UserName", "u")]).await;
    edge.iam("DeletePolicy", &[named]).await;
    edge.iam_refused("GetPolicy", &[named], 404, "NoSuchEntity").await;
    edge.iam_refused("ListPolicies", &[("Scope", "x")], 400, "ValidationError").await;
    edge.iam_refused(
        "DeletePolicy",
        &[("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess")],
        400,
        "UnmodifiableEntity",
    )
    .await;
}

#[tokio::test]
async fn callers_need_permission_on_the_very_resource() {
    let edge = Edge::new().await;
    let clerk = edge.user("clerk", &policy("Allow", "iam:*", &format!("arn:aws:iam::{ACCOUNT}:user/staff/*"))).await;
    let call = async |action: &str, parameters: &[(&str, &str)]| {
        let parameters: Vec<(&str, &str)> = [("Action", action)].iter().chain(parameters).copied().collect();
        edge.query(&clerk, "iam", &parameters).await
    };
    assert_eq!(call("CreateUser", &[("UserName", "s"), ("Path", "/staff/")]).await.status, StatusCode::OK);
    call("CreateUser", &[("UserName", "t")]).await.refused(403, "AccessDenied");
    call("CreateUser", &[("UserName", "t"), ("Path", "/boss/")]).await.refused(403, "AccessDenied");
    // The path is the user's own, not one that the caller could claim; nor does the case of a name matter.
    assert_eq!(call("GetUser", &[("UserName", "S")]).await.status, StatusCode::OK);
    call("GetUser", &[("UserName", "clerk")]).await.refused(403, "AccessDenied");
    // Whether a user exists is told only to those who may see it.
    call("GetUser", &[("UserName", "none")]).await.refused(403, "AccessDenied");
    call("CreateAccessKey", &[("UserName", "clerk")]).await.refused(403, "AccessDenied");
    // Moving a user out of reach needs the right to where it goes.
    call("UpdateUser", &[("UserName", "s"), ("NewPath", "/boss/")]).await.refused(403, "AccessDenied");
    let denied = call("ListUsers", &[]).await;
    denied.refused(403, "AccessDenied");
    let message = denied.element("Message");
    assert!(
        message.starts_with(&format!(
            "User: arn:aws:iam::{ACCOUNT}:user/clerk is not authorized to perform: iam:ListUsers"
        )),
        "{message}"
    );
    assert_eq!(
        edge.iam("ListUsers", &[("PathPrefix", "/boss/")]).await.body.matches("<member>").count(),
        0,
        "nothing happened"
    );
}

#[tokio::test]
async fn a_boundary_condition_holds_those_who_create_users() {
    let edge = Edge::new().await;
    let boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let document = serde_json::json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "iam:CreateUser",
        "Resource": "*", "Condition": { "StringEquals": { "iam:PermissionsBoundary": boundary } } }] });
    let clerk = edge.user("clerk", &document.to_string()).await;
    edge.query(&clerk, "iam", &[("Action", "CreateUser"), ("UserName", "a")]).await.refused(403, "AccessDenied");
    let bounded = [("Action", "CreateUser"), ("UserName", "a"), ("PermissionsBoundary", boundary)];
    assert_eq!(edge.query(&clerk, "iam", &bounded).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_call_is_recorded_with_its_outcome_and_request_id() {
    let edge = Edge::new().await;
    let answered = edge.iam("CreateUser", &[("UserName", "u")]).await;
    let nobody = edge.user("nobody", &policy("Allow", "s3:*", "*")).await;
    edge.query(&nobody, "iam", &[("Action", "DeleteUser"), ("UserName", "u")]).await.refused(403, "AccessDenied");
    let record = edge.record();
    let events: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event = events.iter().find(|event| event["eventName"] == "CreateUser").unwrap();
    assert_eq!(event["eventSource"], "iam.amazonaws.com");
    assert_eq!(event["requestID"], answered.headers["x-amzn-requestid"].to_str().unwrap());
    assert_eq!((&event["requestParameters"]["userName"], &event["readOnly"]), (&Value::from("u"), &Value::from(false)));
    let denied = events.iter().find(|event| event["eventName"] == "DeleteUser").unwrap();
    assert_eq!(
        (&denied["errorCode"], &denied["userIdentity"]["userName"]),
        (&Value::from("AccessDenied"), &Value::from("nobody"))
    );
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let edge = Edge::new().await;
    edge.iam_refused("CreateSAMLProvider", &[], 501, "NotImplemented").await;
    edge.iam_refused("CreateLoginProfile", &[("UserName", "u"), ("Password", "hunter2")], 501, "NotImplemented").await;
    let certificate = [("ServerCertificateName", "c"), ("PrivateKey", "hunter3")];
    edge.iam_refused("UploadServerCertificate", &certificate, 501, "NotImplemented").await;
    assert!(edge.record().contains("UploadServerCertificate"));
    assert!(!edge.record().contains("hunter"));
    edge.iam_refused("Nothing", &[], 400, "InvalidAction").await;
    edge.iam_refused("ListPolicies", &[("PolicyUsageFilter", "PermissionsPolicy")], 501, "NotImplemented").await;
    let parameters = [("Action", "GetCallerIdentity")];
    edge.query(&edge.root, "iam", &parameters).await.refused(400, "InvalidAction");
}

/// A name of a megabyte is in nobody's record and in no answer.
#[tokio::test]
async fn long_names_are_refused_before_they_are_recorded() {
    let edge = Edge::new().await;
    let nobody = edge.user("nobody", &policy("Allow", "s3:None", "*")).await;
    let name = "x".repeat(200_000);
    let answer = edge.query(&nobody, "iam", &[("Action", "GetUser"), ("UserName", &name)]).await;
    assert_eq!((answer.status.as_u16(), answer.element("Code")), (400, "ValidationError".to_owned()));
    assert!(answer.body.len() < 1000 && !edge.record().contains("xxxx"));
}

#[tokio::test]
async fn an_account_as_auditors_read_it() {
    let edge = Edge::new().await;
    let user = edge.user("ann", &policy("Allow", "iam:Get*", "*")).await;
    edge.iam("CreateGroup", &[("GroupName", "g")]).await;
    edge.iam("AddUserToGroup", &[("GroupName", "g"), ("UserName", "ann")]).await;
    edge.iam("CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", TRUST)]).await;
    edge.iam("AttachRolePolicy", &[("RoleName", "r"), ("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess")]).await;
    edge.iam("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", &policy("Allow", "s3:*", "*"))]).await;
    let all = edge.iam("GetAccountAuthorizationDetails", &[]).await;
    for (element, holds) in [
        ("UserDetailList", "<UserName>ann</UserName>"),
        ("UserPolicyList", "<PolicyName>p</PolicyName>"),
        ("GroupList", "<member>g</member>"),
        ("GroupDetailList", "<GroupName>g</GroupName>"),
        ("RoleDetailList", "<RoleName>r</RoleName>"),
        ("Policies", "<PolicyVersionList>"),
        ("IsTruncated", "false"),
    ] {
        assert!(all.element(element).contains(holds), "{element}: {}", all.body);
    }
    let policies = all.element("Policies");
    assert!(
        policies.contains("policy/ReadOnlyAccess")
            && policies.contains("policy/p")
            && !policies.contains("IAMFullAccess")
    );
    // One at a time, until there is no more.
    let (mut marker, mut seen) = (None, Vec::new());
    loop {
        let mut parameters = vec![("MaxItems", "1"), ("Filter.member.1", "User"), ("Filter.member.2", "Role")];
        parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let page = edge.iam("GetAccountAuthorizationDetails", &parameters).await;
        seen.push(page.element("Arn").rsplit('/').next().unwrap().to_owned());
        if page.element("IsTruncated") == "false" {
            break;
        }
        marker = Some(page.element("Marker"));
    }
    assert_eq!(seen, ["ann", "r"]);
    edge.iam_refused("GetAccountAuthorizationDetails", &[("Filter.member.1", "Cat")], 400, "ValidationError").await;
    let nobody = edge.user("n", &policy("Deny", "iam:*", "*")).await;
    edge.query(&nobody, "iam", &[("Action", "GetAccountAuthorizationDetails")]).await.refused(403, "AccessDenied");
    assert_eq!(edge.query(&user, "iam", &[("Action", "GetAccountAuthorizationDetails")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_credential_report() {
    let edge = Edge::new().await;
    edge.iam_refused("GetCredentialReport", &[], 410, "ReportNotPresent").await;
    let user = edge.user("a,b", &policy("Allow", "s3:*", "*")).await;
    assert_eq!(edge.iam("GenerateCredentialReport", &[]).await.element("State"), "COMPLETE");
    let report = edge.iam("GetCredentialReport", &[]).await;
    assert_eq!(report.element("ReportFormat"), "text/csv");
    let csv = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, report.element("Content")).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains("FALSE,TRUE,N/A,N/A,"), "the configured root key: {csv}");
    let columns = lines[0].split(',').count();
    assert_eq!((columns, lines[1].split(',').count()), (22, 22));
    assert!(
        lines[1]
            .starts_with(&format!("<root_account>,arn:aws:iam::{ACCOUNT}:root,2026-01-01T00:00:00Z,not_supported,"))
    );
    assert!(
        lines[2].starts_with("\"a,b\",\"arn:aws:iam::111122223333:user/a,b\",2026-01-01T00:00:00Z,FALSE,"),
        "{csv}"
    );
    assert!(lines[2].contains("FALSE,TRUE,2026-01-01T00:00:00Z,N/A,"), "{csv}");
    assert!(!csv.contains(&user.secret) && !csv.contains(&user.access_key_id));
    edge.clock.advance(std::time::Duration::from_secs(4 * 3600));
    edge.iam_refused("GetCredentialReport", &[], 410, "ReportExpired").await;
}
