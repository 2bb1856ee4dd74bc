//! Sub-resources: the query parameters that make another operation of a request. s3s's router takes
//! a request whose parameters fit no operation for the plain one of its method, so that
//! `DELETE key?acl` deleted the object. Here a sub-resource under a method that has none is refused,
//! before anybody is asked who he is.

use http::{Method, StatusCode, Uri};
use s3s::S3Error;

use crate::error::{Answer, invalid_argument};
use crate::query;
use crate::refusal::Detail as _;

const GET: u8 = 1;
const PUT: u8 = 2;
const DELETE: u8 = 4;
const POST: u8 = 8;
const HEAD: u8 = 16;
const CONFIGURATION: u8 = GET | PUT | DELETE;

/// Name, methods on a bucket, methods on an object (S3 API Reference, "Actions").
const TABLE: &[(&str, u8, u8)] = &[
    ("abac", GET | PUT, 0),
    ("accelerate", GET | PUT, 0),
    ("acl", GET | PUT, GET | PUT),
    ("analytics", CONFIGURATION, 0),
    ("annotation", 0, CONFIGURATION),
    ("annotations", 0, GET),
    ("attributes", 0, GET),
    ("cors", CONFIGURATION, 0),
    ("delete", POST, 0),
    ("encryption", CONFIGURATION, PUT),
    ("intelligent-tiering", CONFIGURATION, 0),
    ("inventory", CONFIGURATION, 0),
    ("legal-hold", 0, GET | PUT),
    ("lifecycle", CONFIGURATION, 0),
    ("location", GET, 0),
    ("logging", GET | PUT, 0),
    ("metadataAnnotationTable", PUT, 0),
    ("metadataConfiguration", GET | DELETE | POST, 0),
    ("metadataInventoryTable", PUT, 0),
    ("metadataJournalTable", PUT, 0),
    ("metadataTable", GET | DELETE | POST, 0),
    ("metrics", CONFIGURATION, 0),
    ("notification", GET | PUT, 0),
    ("object-lock", GET | PUT, 0),
    ("ownershipControls", CONFIGURATION, 0),
    ("partNumber", 0, GET | HEAD | PUT),
    ("policy", CONFIGURATION, 0),
    ("policyStatus", GET, 0),
    ("publicAccessBlock", CONFIGURATION, 0),
    ("renameObject", 0, PUT),
    ("replication", CONFIGURATION, 0),
    ("requestPayment", GET | PUT, 0),
    ("restore", 0, POST),
    ("retention", 0, GET | PUT),
    ("select", 0, POST),
    ("session", GET, 0),
    ("tagging", CONFIGURATION, CONFIGURATION),
    ("torrent", 0, GET),
    ("uploadId", 0, CONFIGURATION | POST),
    ("uploads", GET, POST),
    ("versioning", GET | PUT, 0),
    ("versions", GET, 0),
    ("website", CONFIGURATION, 0),
];

/// Whether a parameter makes another operation of some request.
#[must_use]
pub fn is_known(name: &str) -> bool {
    TABLE.iter().any(|(known, ..)| *known == name)
}

/// What a request is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The service itself.
    Service,
    /// A bucket.
    Bucket,
    /// An object.
    Object,
}

/// Refuses a request whose method and parameters no operation has.
///
/// # Errors
/// `MethodNotAllowed`; `InvalidArgument` for half of a part's address.
pub fn check(method: &Method, uri: &Uri, on: On) -> Result<(), S3Error> {
    let bit = match *method {
        Method::GET => GET,
        Method::PUT => PUT,
        Method::DELETE => DELETE,
        Method::POST => POST,
        Method::HEAD => HEAD,
        _ => 0,
    };
    let asked: Vec<_> = query::pairs(uri).map(|(name, _)| name).collect();
    let mut known = Vec::new();
    for (name, on_bucket, on_object) in TABLE {
        if !asked.iter().any(|asked| asked == name) {
            continue;
        }
        let allowed = match on {
            On::Service => 0,
            On::Bucket => *on_bucket,
            On::Object => *on_object,
        };
        if allowed & bit == 0 && !(on == On::Object && is_half_of_a_part(method, name)) {
            return Err(not_allowed(method, &name.to_ascii_uppercase()));
        }
        known.push(*name);
    }
    refuse_conflict(&known)?;
    if on == On::Object {
        require_whole_part(method, uri)?;
        refuse_version_of_new(method, uri)?;
    }
    let plain = match on {
        On::Service => GET | HEAD,
        On::Bucket => GET | HEAD | PUT | DELETE | POST,
        On::Object => GET | HEAD | PUT | DELETE,
    };
    match known.is_empty() && plain & bit == 0 {
        true => Err(not_allowed(method, on.resource_type())),
        false => Ok(()),
    }
}

impl On {
    const fn resource_type(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::Bucket => "BUCKET",
            Self::Object => "OBJECT",
        }
    }
}

/// Two sub-resources are two operations. Which one a router takes is nobody's guess: it would do what one
/// of them says and be decided, or recorded, as the other.
fn refuse_conflict(known: &[&str]) -> Result<(), S3Error> {
    match known {
        [] | [_] | ["partNumber", "uploadId"] => Ok(()),
        [first, ..] => {
            let message = format!("Conflicting query string parameters: {}", known.join(", "));
            Err(invalid_argument(&message, "ResourceType", first))
        }
    }
}

/// Refuses numbers that are none: what reads them behind us has no words of S3 for it.
///
/// # Errors
/// `InvalidArgument`.
pub fn check_numbers(uri: &Uri) -> Result<(), S3Error> {
    const NUMBERS: [&str; 6] =
        ["max-buckets", "max-keys", "max-parts", "max-uploads", "part-number-marker", "partNumber"];
    for (name, value) in query::pairs(uri) {
        if NUMBERS.contains(&&*name) && value.parse::<i32>().is_err() {
            let message = match &*name {
                "partNumber" => "Part number must be an integer between 1 and 10000, inclusive".to_owned(),
                name => format!("Provided {name} not an integer or within integer range"),
            };
            return Err(invalid_argument(&message, &name, &value));
        }
    }
    Ok(())
}

fn is_half_of_a_part(method: &Method, name: &str) -> bool {
    name == "partNumber" && *method == Method::DELETE
}

/// A part has a number and an upload. With one of them alone a part would be taken for the object.
fn require_whole_part(method: &Method, uri: &Uri) -> Result<(), S3Error> {
    let (number, upload) = (query::value(uri, "partNumber"), query::value(uri, "uploadId"));
    let writes = *method == Method::PUT || *method == Method::DELETE;
    match (number, upload) {
        (Some(number), None) if writes => {
            let message = "This operation does not accept partNumber without uploadId";
            Err(invalid_argument(message, "partNumber", &number))
        }
        (None, Some(upload)) if *method == Method::PUT => {
            let message = "This operation does not accept uploadId without partNumber";
            Err(invalid_argument(message, "uploadId", &upload))
        }
        _ => Ok(()),
    }
}

/// What makes an object, or a part of one, makes a version and is told of none.
fn refuse_version_of_new(method: &Method, uri: &Uri) -> Result<(), S3Error> {
    const OF_UPLOADS: [&str; 3] = ["partNumber", "uploadId", "uploads"];
    let is_upload = OF_UPLOADS.iter().any(|name| query::has(uri, name));
    let is_other = || TABLE.iter().any(|(name, ..)| !OF_UPLOADS.contains(name) && query::has(uri, name));
    let makes = *method == Method::PUT && !is_other() || *method == Method::POST && is_upload;
    match query::value(uri, "versionId").filter(|_| makes) {
        Some(version) => Err(invalid_argument("This operation does not accept a version-id.", "versionId", &version)),
        None => Ok(()),
    }
}

fn not_allowed(method: &Method, resource: &str) -> S3Error {
    let message = "The specified method is not allowed against this resource.";
    let error = Answer::new("MethodNotAllowed", StatusCode::METHOD_NOT_ALLOWED, message).into_error();
    error.detail("Method", method.as_str()).detail("ResourceType", resource)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn code(method: &Method, uri: &str, on: On) -> String {
        let answer = check(method, &uri.parse().unwrap(), on);
        answer.map_or_else(|error| error.code().as_str().to_owned(), |()| "served".to_owned())
    }

    #[test]
    fn two_sub_resources_are_none() {
        let methods = [Method::GET, Method::PUT, Method::DELETE, Method::POST, Method::HEAD];
        let pairs = TABLE.iter().flat_map(|(one, ..)| TABLE.iter().map(move |(other, ..)| (*one, *other)));
        for (one, other) in pairs.filter(|(one, other)| one != other) {
            let part = ["partNumber", "uploadId"];
            for method in methods.iter().filter(|_| !(part.contains(&one) && part.contains(&other))) {
                for (path, on) in [("/b", On::Bucket), ("/b/k", On::Object)] {
                    let code = code(method, &format!("{path}?{one}&{other}=x"), on);
                    assert!(
                        matches!(&*code, "InvalidArgument" | "MethodNotAllowed"),
                        "{method} {path}?{one}&{other}: {code}"
                    );
                }
            }
        }
        assert_eq!(code(&Method::DELETE, "/b?tagging&cors", On::Bucket), "InvalidArgument");
        assert_eq!(code(&Method::PUT, "/b/k?partNumber=1&uploadId=u", On::Object), "served");
        assert_eq!(code(&Method::GET, "/b?versions&prefix=acl&x-id=acl", On::Bucket), "served");
    }

    #[test]
    fn numbers_are_numbers() {
        let checked =
            |uri: &str| check_numbers(&uri.parse().unwrap()).map_err(|error| error.code().as_str().to_owned());
        assert_eq!(checked("/b?max-keys=x"), Err("InvalidArgument".to_owned()));
        assert_eq!(checked("/b?list-type=2&max-keys=99999999999"), Err("InvalidArgument".to_owned()));
        assert_eq!(checked("/b/k?partNumber=1.0&uploadId=u"), Err("InvalidArgument".to_owned()));
        assert_eq!(checked("/b?max-keys=-1&prefix=x"), Ok(()), "who reads it says what is wrong with it");
    }

    #[test]
    fn nothing_that_deletes_or_overwrites_stands_for_what_was_not_asked() {
        for (name, ..) in TABLE.iter().filter(|(_, _, object)| object & DELETE == 0) {
            assert_ne!(code(&Method::DELETE, &format!("/b/k?{name}"), On::Object), "served", "DELETE key?{name}");
        }
        for (name, ..) in TABLE.iter().filter(|(_, _, object)| object & PUT == 0) {
            assert_eq!(code(&Method::PUT, &format!("/b/k?{name}"), On::Object), "MethodNotAllowed", "PUT key?{name}");
        }
        for (name, ..) in TABLE.iter().filter(|(_, bucket, _)| bucket & DELETE == 0) {
            assert_eq!(code(&Method::DELETE, &format!("/b?{name}="), On::Bucket), "MethodNotAllowed", "DELETE ?{name}");
        }
        for (name, ..) in TABLE.iter().filter(|(_, bucket, _)| bucket & PUT == 0) {
            assert_eq!(code(&Method::PUT, &format!("/b?{name}="), On::Bucket), "MethodNotAllowed", "PUT ?{name}");
        }
        assert_eq!(code(&Method::DELETE, "/b/k?%61cl", On::Object), "MethodNotAllowed", "an encoded name is the name");
    }

    #[test]
    fn half_of_a_part_is_refused() {
        for (method, query) in
            [(Method::PUT, "partNumber=1"), (Method::PUT, "uploadId=u"), (Method::DELETE, "partNumber=1")]
        {
            assert_eq!(code(&method, &format!("/b/k?{query}"), On::Object), "InvalidArgument", "{method} {query}");
        }
        for (method, query) in [
            (Method::PUT, "partNumber=1&uploadId=u"),
            (Method::GET, "partNumber=1"),
            (Method::HEAD, "partNumber=1"),
            (Method::GET, "uploadId=u"),
            (Method::DELETE, "uploadId=u"),
            (Method::POST, "uploadId=u"),
        ] {
            assert_eq!(code(&method, &format!("/b/k?{query}"), On::Object), "served", "{method} {query}");
        }
    }

    #[test]
    fn plain_operations_and_their_parameters_are_served() {
        for (method, uri, on, want) in [
            (Method::GET, "/", On::Service, "served"),
            (Method::HEAD, "/", On::Service, "served"),
            (Method::POST, "/", On::Service, "MethodNotAllowed"),
            (Method::DELETE, "/", On::Service, "MethodNotAllowed"),
            (Method::GET, "/b?list-type=2&prefix=acl&x-id=ListObjectsV2", On::Bucket, "served"),
            (Method::POST, "/b", On::Bucket, "served"),
            (Method::PATCH, "/b", On::Bucket, "MethodNotAllowed"),
            (Method::POST, "/b/k", On::Object, "MethodNotAllowed"),
            (Method::PUT, "/b/k?x-id=PutObject", On::Object, "served"),
            (Method::PUT, "/b/k?x-id=PutObject&versionId=1", On::Object, "InvalidArgument"),
            (Method::PUT, "/b/k?versionId", On::Object, "InvalidArgument"),
            (Method::PUT, "/b/k?partNumber=1&uploadId=u&versionId=1", On::Object, "InvalidArgument"),
            (Method::POST, "/b/k?uploads&versionId=1", On::Object, "InvalidArgument"),
            (Method::PUT, "/b/k?tagging&versionId=1", On::Object, "served"),
            (Method::GET, "/b/k?uploadId=u&versionId=1", On::Object, "served"),
            (Method::GET, "/b/k?response-content-type=acl", On::Object, "served"),
            (Method::POST, "/b/k?select&select-type=2", On::Object, "served"),
            (Method::HEAD, "/b/k?acl", On::Object, "MethodNotAllowed"),
        ] {
            assert_eq!(code(&method, uri, on), want, "{method} {uri}");
        }
    }
}
