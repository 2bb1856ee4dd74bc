//! Pages, each at a stable address.

mod access;
mod attention;
mod bucket_form;
mod buckets;
mod copies;
mod doors;
mod group;
mod holder;
mod identities;
mod issued;
mod key;
mod key_parts;
mod key_tags;
mod keys;
mod locks;
mod material;
mod named;
mod object;
mod objects;
mod oidc;
mod overview;
mod plan;
mod policy;
mod properties;
mod property;
mod providers;
mod raise;
mod record;
mod reports;
mod role;
mod role_page;
mod rules;
mod sealed;
mod settings;
mod sign_in;
mod simulate;
mod state;
mod stores;
mod sweep;
mod tail;
mod trails;
mod transfer;
mod trial;
mod uploads;
mod user;
mod versions;
mod wire;

use arqueta_model::BucketName;
use http::StatusCode;

use crate::client::Fault;
use crate::screens::holder::{Holder, Kind};
use crate::service::CallBody;
use crate::visit::{Outcome, Visit};

/// Whether nobody needs to have signed in.
pub(crate) fn is_open(path: &[&str]) -> bool {
    matches!(path, ["sign-in" | "language"] | ["sign-in", "begin" | "oidc"])
}

/// What [`is_open`].
pub(crate) async fn open(visit: &Visit<'_>, path: &[&str], changes: bool) -> Result<Outcome, Fault> {
    match (changes, path) {
        (false, ["sign-in"]) => Ok(sign_in::page(visit, None)),
        (true, ["sign-in"]) => sign_in::sign_in(visit).await,
        (false, ["sign-in", "begin"]) => oidc::begin(visit).await,
        (false, ["sign-in", "oidc"]) => oidc::arrive(visit).await,
        (true, ["language"]) => Ok(sign_in::language(visit)),
        _ => Err(Fault::nowhere()),
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
        (false, ["attention"]) => attention::page(visit).await,
        (true, ["sign-out"]) => Ok(Outcome::SignedOut("sign-in?reason=out".to_owned())),
        (false, ["role"]) => Ok(role::page(visit, None).await),
        (true, ["role"]) => role::switch(visit).await,
        (true, ["role", "back"]) => Ok(role::back(visit)),
        (false, ["buckets"]) => buckets::list(visit).await,
        (false, ["buckets", "new"]) => bucket_form::page(visit, None).await,
        (true, ["buckets", "new"]) => bucket_form::create(visit).await,
        (false, ["keys"]) => keys::list(visit).await,
        (false, ["keys", "new"]) => Ok(keys::form(visit, None)),
        (true, ["keys", "new"]) => keys::create(visit).await,
        (false, ["keys", "stores"]) => stores::page(visit, None).await,
        (true, ["keys", "stores"]) => stores::create(visit).await,
        (true, ["keys", "stores", id, act]) => stores::act(visit, id, act).await,
        (false, ["keys", id, "plan"]) => plan::page(visit, id).await,
        (false, ["keys", id, "try"]) => trial::page(visit, id, None).await,
        (true, ["keys", id, "try"]) => trial::attempt(visit, id).await,
        (false, ["keys", id, "import"]) => material::page(visit, id, None).await,
        (true, ["keys", id, "import"]) => material::import(visit, id).await,
        (false, ["keys", id]) => key::page(visit, id, None).await,
        (true, ["keys", id, act]) => key::act(visit, id, act).await,
        (false, ["record"]) => record::page(visit).await,
        (false, ["record", "tail"]) => tail::stream(visit).await,
        (false, ["record", "trails"]) => trails::page(visit, None).await,
        (true, ["record", "trails"]) => trails::create(visit).await,
        (true, ["record", "trails", name, act]) => trails::act(visit, name, act).await,
        (false, ["record", "report"]) => reports::page(visit, None).await,
        (false, ["record", "report", "file"]) => reports::file(visit).await,
        (false, ["record", "verify"]) => reports::verify(visit).await,
        (false, ["settings", "state"]) => state::page(visit).await,
        (false, ["identities"]) => identities::list(visit).await,
        (true, ["identities", "raise"]) => raise::raise(visit).await,
        (true, ["identities", "user"]) => identities::create_user(visit).await,
        (_, ["identities", rest @ ..]) => in_identities(visit, rest, changes).await,
        (false, ["access"]) => access::page(visit).await,
        (false, ["simulate"]) => simulate::page(visit).await,
        (true, ["simulate"]) => simulate::answer(visit).await,
        (false, ["settings"]) => settings::page(visit).await,
        (_, ["buckets", bucket, rest @ ..]) => in_bucket(visit, bucket, rest, body, changes).await,
        _ => Err(Fault::nowhere()),
    }
}

async fn in_identities(visit: &Visit<'_>, path: &[&str], changes: bool) -> Result<Outcome, Fault> {
    match (changes, path) {
        (true, ["group"]) => identities::create_group(visit).await,
        (true, ["role"]) => identities::create_role(visit).await,
        (true, ["policy"]) => identities::create_policy(visit).await,
        (true, ["provider"]) => providers::create(visit).await,
        (true, ["provider", "delete"]) => providers::delete(visit).await,
        (false, ["policy"]) => policy::page(visit, None).await,
        (true, ["policy", act]) => policy::act(visit, act).await,
        (false, [folder, name, "inline"]) => {
            let kind = match *folder {
                "users" => Kind::User,
                "groups" => Kind::Group,
                "roles" => Kind::Role,
                _ => return Err(Fault::nowhere()),
            };
            holder::inline_page(visit, Holder { kind, name }, None).await
        }
        (false, ["users", name]) => user::page(visit, name, None, None).await,
        (true, ["users", name, act]) => user::act(visit, name, act).await,
        (false, ["groups", name]) => group::page(visit, name, None).await,
        (true, ["groups", name, act]) => group::act(visit, name, act).await,
        (false, ["roles", name]) => role_page::page(visit, name, None).await,
        (true, ["roles", name, act]) => role_page::act(visit, name, act).await,
        _ => Err(Fault::nowhere()),
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
        (true, ["objects", "sweep"]) => sweep::sweep(visit, bucket).await,
        (true, ["objects", "folder"]) => objects::make_folder(visit, bucket).await,
        (false, ["object"]) => object::page(visit, bucket, None).await,
        (true, ["object", "tags"]) => object::save_tags(visit, bucket).await,
        (true, ["object", "metadata"]) => object::save_metadata(visit, bucket).await,
        (true, ["object", "delete"]) => object::delete(visit, bucket).await,
        (true, ["object", "retention"]) => locks::retain(visit, bucket).await,
        (true, ["object", "hold"]) => locks::hold(visit, bucket).await,
        (true, ["object", "copy"]) => copies::copy_to(visit, bucket).await,
        (true, ["object", "restore"]) => versions::restore(visit, bucket).await,
        (true, ["object", "share"]) => object::share(visit, bucket).await,
        (true, ["object", "seal"]) => sealed::change(visit, bucket).await,
        (false, ["download"]) => transfer::download(visit, bucket).await,
        (false, ["upload"]) => uploads::found(visit, bucket).await,
        (true, ["upload", step]) => uploads::step(visit, bucket, step, body).await,
        _ => Err(Fault::nowhere()),
    }
}
