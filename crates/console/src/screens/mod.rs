//! Pages, each at a stable address.

mod bucket_form;
mod buckets;
mod identities;
mod key;
mod keys;
mod named;
mod object;
mod objects;
mod overview;
mod properties;
mod record;
mod sealed;
mod settings;
mod sign_in;
mod transfer;
mod uploads;
mod user;
mod versions;

use arqueta_model::BucketName;
use http::StatusCode;

use crate::client::Fault;
use crate::service::CallBody;
use crate::visit::{Outcome, Visit};

/// Whether nobody needs to have signed in.
pub(crate) fn is_open(path: &[&str]) -> bool {
    matches!(path, ["sign-in" | "language"])
}

/// What [`is_open`].
pub(crate) async fn open(visit: &Visit<'_>, path: &[&str], changes: bool) -> Result<Outcome, Fault> {
    match (changes, path) {
        (false, ["sign-in"]) => Ok(sign_in::page(visit, None)),
        (true, ["sign-in"]) => sign_in::sign_in(visit).await,
        (true, ["language"]) => Ok(sign_in::language(visit)),
        _ => Err(nowhere()),
    }
}

/// Everything else. What `changes` carries the session's token.
pub(crate) async fn route(
    visit: &Visit<'_>,
    path: &[&str],
    body: Option<CallBody>,
    changes: bool,
) -> Result<Outcome, Fault> {
    match (changes, path) {
        (false, []) => overview::page(visit).await,
        (true, ["sign-out"]) => Ok(Outcome::SignedOut("sign-in?reason=out".to_owned())),
        (false, ["buckets"]) => buckets::list(visit).await,
        (false, ["buckets", "new"]) => bucket_form::page(visit, None).await,
        (true, ["buckets", "new"]) => bucket_form::create(visit).await,
        (false, ["keys"]) => keys::list(visit).await,
        (false, ["keys", "new"]) => Ok(keys::form(visit, None)),
        (true, ["keys", "new"]) => keys::create(visit).await,
        (false, ["keys", id]) => key::page(visit, id, None).await,
        (true, ["keys", id, act]) => key::act(visit, id, act).await,
        (false, ["record"]) => record::page(visit).await,
        (false, ["identities"]) => identities::list(visit).await,
        (true, ["identities", "raise"]) => identities::raise(visit).await,
        (true, ["identities", "user"]) => identities::create_user(visit).await,
        (true, ["identities", "policy"]) => identities::create_policy(visit).await,
        (false, ["identities", "users", name]) => user::page(visit, name, None, None).await,
        (true, ["identities", "users", name, act]) => user::act(visit, name, act).await,
        (false, ["settings"]) => settings::page(visit).await,
        (_, ["buckets", bucket, rest @ ..]) => in_bucket(visit, bucket, rest, body, changes).await,
        _ => Err(nowhere()),
    }
}

async fn in_bucket(
    visit: &Visit<'_>,
    bucket: &str,
    path: &[&str],
    body: Option<CallBody>,
    changes: bool,
) -> Result<Outcome, Fault> {
    // Nothing else may stand where S3 has a bucket: `b%2Fk` would be an object of another.
    if let Err(invalid) = bucket.parse::<BucketName>() {
        return Err(Fault::own(StatusCode::BAD_REQUEST, "InvalidBucketName", &invalid.to_string()));
    }
    match (changes, path) {
        (false, []) => Ok(Outcome::Go(format!("buckets/{bucket}/objects"))),
        (false, ["properties"]) => properties::page(visit, bucket, None).await,
        (true, ["properties", name]) => properties::save(visit, bucket, name).await,
        (true, ["delete"]) => buckets::delete(visit, bucket).await,
        (false, ["objects"]) => objects::list(visit, bucket).await,
        (true, ["objects", "delete"]) => objects::delete_many(visit, bucket).await,
        (true, ["objects", "folder"]) => objects::make_folder(visit, bucket).await,
        (false, ["object"]) => object::page(visit, bucket, None).await,
        (true, ["object", "tags"]) => object::save_tags(visit, bucket).await,
        (true, ["object", "metadata"]) => object::save_metadata(visit, bucket).await,
        (true, ["object", "delete"]) => object::delete(visit, bucket).await,
        (true, ["object", "restore"]) => versions::restore(visit, bucket).await,
        (true, ["object", "share"]) => object::share(visit, bucket).await,
        (true, ["object", "seal"]) => sealed::change(visit, bucket).await,
        (false, ["download"]) => transfer::download(visit, bucket).await,
        (false, ["upload"]) => uploads::found(visit, bucket).await,
        (true, ["upload", step]) => uploads::step(visit, bucket, step, body).await,
        _ => Err(nowhere()),
    }
}

fn nowhere() -> Fault {
    Fault::own(StatusCode::NOT_FOUND, "NoSuchPage", "There is no such page.")
}
