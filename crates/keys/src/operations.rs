//! The operations of the AWS KMS API, one function each, named like it: as `caller`, a request in the
//! shape of [`crate::api`], and its answer. Each decides, does and records before it answers.

pub use crate::crypt::agreement::derive_shared_secret;
pub use crate::crypt::mac::{generate_mac, verify_mac};
pub use crate::crypt::pairs::{generate_data_key_pair, generate_data_key_pair_without_plaintext};
pub use crate::crypt::signing::{get_public_key, sign, verify};
pub use crate::crypt::symmetric::{
    decrypt, encrypt, generate_data_key, generate_data_key_without_plaintext, generate_random, re_encrypt,
};
pub use crate::life::create::create_key;
pub use crate::life::describe::{describe_key, list_keys};
pub use crate::life::grants::create::create_grant;
pub use crate::life::grants::end::{retire_grant, revoke_grant};
pub use crate::life::grants::list::{list_grants, list_retirable_grants};
pub use crate::life::import::material::{delete_imported_key_material, import_key_material};
pub use crate::life::import::parameters::get_parameters_for_import;
pub use crate::life::tags::{list_resource_tags, tag_resource, untag_resource};
pub use crate::regions::primary::update_primary_region;
pub use crate::regions::replicate::replicate_key;
pub use crate::stores::administer::{
    create_custom_key_store, delete_custom_key_store, describe_custom_key_stores, update_custom_key_store,
};
pub use crate::stores::connect::{connect_custom_key_store, disconnect_custom_key_store};
