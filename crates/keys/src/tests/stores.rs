//! Custom key stores.

use arqueta_kms::testing::{MemoryCluster, OTHER_ACCOUNT, Subject, context, contract, user};
use arqueta_kms::{KeyState, Operation, TokenCluster};

use super::*;

const CLUSTER: &str = "cluster-abcdefghijk";
const OTHER_CLUSTER: &str = "cluster-abcdefghijm";

struct Site {
    world: World,
    cluster: Arc<MemoryCluster>,
    other: Arc<MemoryCluster>,
}

impl Site {
    async fn new() -> Self {
        let (cluster, other) = (Arc::<MemoryCluster>::default(), Arc::<MemoryCluster>::default());
        let (meta, clock) = (Arc::new(MemoryMeta::new()), Arc::new(ManualClock::default()));
        let audit = Arc::new(Faulty::new(MemoryAudit::default()));
        let settings = settings(&cluster, &other);
        let kms = Embedded::open(meta.clone(), audit.clone(), clock.clone(), settings).await.unwrap();
        Self { world: World { kms, meta, audit, clock, people: Arc::default(), root: root(ACCOUNT) }, cluster, other }
    }

    fn kms(&self) -> &Embedded {
        &self.world.kms
    }

    async fn create(&self, request: CreateCustomKeyStoreRequest) -> Result<String, Error> {
        let made = self.kms().create_custom_key_store(&self.world.root, request).await?;
        Ok(made.custom_key_store_id)
    }

    async fn connect(&self, id: &str) -> Result<(), Error> {
        let request = ConnectCustomKeyStoreRequest { custom_key_store_id: id.to_owned() };
        self.kms().connect_custom_key_store(&self.world.root, request).await.map(|_| ())
    }

    async fn disconnect(&self, id: &str) -> Result<(), Error> {
        let request = DisconnectCustomKeyStoreRequest { custom_key_store_id: id.to_owned() };
        self.kms().disconnect_custom_key_store(&self.world.root, request).await.map(|_| ())
    }

    async fn delete(&self, id: &str) -> Result<(), Error> {
        let request = DeleteCustomKeyStoreRequest { custom_key_store_id: id.to_owned() };
        self.kms().delete_custom_key_store(&self.world.root, request).await.map(|_| ())
    }

    async fn update(&self, request: UpdateCustomKeyStoreRequest) -> Result<(), Error> {
        self.kms().update_custom_key_store(&self.world.root, request).await.map(|_| ())
    }

    async fn described(&self, id: &str) -> CustomKeyStoresListEntry {
        let request = DescribeCustomKeyStoresRequest { custom_key_store_id: Some(id.into()), ..Default::default() };
        let mut answer = self.kms().describe_custom_key_stores(&self.world.root, request).await.unwrap();
        answer.custom_key_stores.remove(0)
    }

    /// The state once it is no longer connecting.
    async fn settled(&self, id: &str) -> (String, Option<String>) {
        loop {
            let entry = self.described(id).await;
            if entry.connection_state != "CONNECTING" {
                return (entry.connection_state, entry.connection_error_code);
            }
            tokio::task::yield_now().await;
        }
    }

    async fn connected(&self) -> String {
        let id = self.create(request("store")).await.unwrap();
        self.connect(&id).await.unwrap();
        assert_eq!(self.settled(&id).await, ("CONNECTED".to_owned(), None));
        id
    }

    async fn key_in(&self, id: &str) -> Result<KeyArn, Error> {
        let made = self.kms().create_key(&self.world.root, in_store(id)).await?;
        Ok(made.key_metadata.arn.parse().unwrap())
    }

    async fn state(&self, key: &KeyArn) -> KeyState {
        let request = DescribeKeyRequest { key_id: key.to_string() };
        self.kms().describe_key(&self.world.root, request).await.unwrap().key_metadata.key_state
    }
}

fn settings(cluster: &Arc<MemoryCluster>, other: &Arc<MemoryCluster>) -> Config {
    let mut settings = config([7; 32]);
    settings.clusters.insert(CLUSTER.to_owned(), cluster.clone() as Arc<dyn TokenCluster>);
    settings.clusters.insert(OTHER_CLUSTER.to_owned(), other.clone());
    settings
}

fn request(name: &str) -> CreateCustomKeyStoreRequest {
    CreateCustomKeyStoreRequest {
        custom_key_store_name: name.to_owned(),
        cloud_hsm_cluster_id: CLUSTER.to_owned(),
        trust_anchor_certificate: "anchor".to_owned(),
        key_store_password: Password::new("1234567".to_owned()),
    }
}

fn in_store(id: &str) -> CreateKeyRequest {
    CreateKeyRequest { origin: NewOrigin::CustomKeyStore(id.to_owned()), ..Default::default() }
}

#[tokio::test]
async fn keys_in_a_custom_key_store_keep_the_contract() {
    let site = Site::new().await;
    let id = site.connected().await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(site.key_in(&id).await.unwrap());
    }
    let [key, other, disabled] = keys.try_into().unwrap();
    site.world.disable(&disabled).await;
    let stranger = root(OTHER_ACCOUNT);
    contract(&Subject { kms: site.kms(), caller: root(ACCOUNT), stranger, key, other, disabled }).await;
    assert_eq!(site.cluster.holder.names().len(), 3, "the service's own key is not in it");
}

#[tokio::test]
async fn a_key_says_where_it_is() {
    let site = Site::new().await;
    let id = site.connected().await;
    let metadata = site.kms().create_key(&site.world.root, in_store(&id)).await.unwrap().key_metadata;
    assert_eq!(metadata.origin, "AWS_CLOUDHSM");
    assert_eq!(metadata.custom_key_store_id.as_deref(), Some(id.as_str()));
    assert_eq!(metadata.cloud_hsm_cluster_id.as_deref(), Some(CLUSTER));
    assert_eq!(metadata.current_key_material_id, None);
}

#[tokio::test]
async fn what_a_store_cannot_be_made_of_is_refused() {
    let site = Site::new().await;
    let bad = [
        (
            "CloudHsmClusterNotFoundException",
            CreateCustomKeyStoreRequest { cloud_hsm_cluster_id: "cluster-zzzzzzzzzzz".into(), ..request("a") },
        ),
        (
            "IncorrectTrustAnchorException",
            CreateCustomKeyStoreRequest { trust_anchor_certificate: "another".into(), ..request("a") },
        ),
    ];
    for (expected, request) in bad {
        assert_eq!(code(site.create(request).await), expected);
    }
    site.cluster.lose(2);
    assert_eq!(code(site.create(request("a")).await), "CloudHsmClusterNotActiveException");
    site.cluster.lose(0);
    site.create(request("a")).await.unwrap();
    assert_eq!(code(site.create(request("b")).await), "CloudHsmClusterInUseException");
    let taken = CreateCustomKeyStoreRequest { cloud_hsm_cluster_id: OTHER_CLUSTER.into(), ..request("a") };
    assert_eq!(code(site.create(taken).await), "CustomKeyStoreNameInUseException");
}

#[tokio::test]
async fn a_connection_fails_with_the_reason() {
    let site = Site::new().await;
    let wrong = Password::new("7654321".to_owned());
    let id = site.create(CreateCustomKeyStoreRequest { key_store_password: wrong, ..request("a") }).await.unwrap();
    site.connect(&id).await.unwrap();
    let failed = |code: &str| ("FAILED".to_owned(), Some(code.to_owned()));
    assert_eq!(site.settled(&id).await, failed("INVALID_CREDENTIALS"));
    assert_eq!(code(site.connect(&id).await), "CustomKeyStoreInvalidStateException");
    assert_eq!(code(site.key_in(&id).await), "CustomKeyStoreInvalidStateException");
    site.disconnect(&id).await.unwrap();
    let password = Some(Password::new("1234567".to_owned()));
    let change = UpdateCustomKeyStoreRequest {
        custom_key_store_id: id.clone(),
        key_store_password: password,
        ..Default::default()
    };
    site.update(change).await.unwrap();
    site.cluster.lose(2);
    site.connect(&id).await.unwrap();
    assert_eq!(site.settled(&id).await, failed("INSUFFICIENT_CLOUDHSM_HSMS"));
    site.disconnect(&id).await.unwrap();
    site.cluster.lose(0);
    site.connect(&id).await.unwrap();
    assert_eq!(site.settled(&id).await, ("CONNECTED".to_owned(), None));
}

#[tokio::test]
async fn disconnecting_closes_everything_at_once_and_connecting_opens_it_again() {
    let site = Site::new().await;
    let id = site.connected().await;
    let key = site.key_in(&id).await.unwrap();
    let sealed = site.world.encrypt(&key, b"secret").await;
    site.disconnect(&id).await.unwrap();
    assert_eq!(site.state(&key).await, KeyState::Unavailable);
    assert_eq!(code(site.world.decrypt_as(&site.world.root, &sealed).await), "KMSInvalidStateException");
    let again = arqueta_kms::Kms::recheck(site.kms(), &site.world.root, Operation::Decrypt, &key, &context(&[])).await;
    assert_eq!(code(again), "KMSInvalidStateException", "a cached bucket key is no way around it");
    assert_eq!(code(site.disconnect(&id).await), "CustomKeyStoreInvalidStateException");
    site.connect(&id).await.unwrap();
    site.settled(&id).await;
    assert_eq!(site.state(&key).await, KeyState::Enabled);
    let opened = site.world.decrypt_as(&site.world.root, &sealed).await.unwrap();
    assert_eq!(opened.plaintext.expose(), b"secret");
}

#[tokio::test]
async fn one_lost_token_stops_new_keys_only_and_two_make_keys_unavailable() {
    let site = Site::new().await;
    let id = site.connected().await;
    let key = site.key_in(&id).await.unwrap();
    let sealed = site.world.encrypt(&key, b"secret").await;
    site.cluster.lose(1);
    assert_eq!(code(site.key_in(&id).await), "CloudHsmClusterInvalidConfigurationException");
    site.world.decrypt_as(&site.world.root, &sealed).await.unwrap();
    site.cluster.lose(2);
    assert_eq!(site.state(&key).await, KeyState::Unavailable);
    assert_eq!(code(site.world.decrypt_as(&site.world.root, &sealed).await), "KMSInvalidStateException");
    assert_eq!(site.described(&id).await.connection_state, "CONNECTED", "nobody disconnected it");
    site.cluster.lose(0);
    site.world.decrypt_as(&site.world.root, &sealed).await.unwrap();
}

#[tokio::test]
async fn what_a_custom_key_store_does_not_do_is_refused() {
    let site = Site::new().await;
    let id = site.connected().await;
    let hmac = CreateKeyRequest {
        key_spec: arqueta_kms::KeySpec::HMAC_256,
        key_usage: arqueta_kms::KeyUsage::GenerateVerifyMac,
        ..in_store(&id)
    };
    assert_eq!(code(site.kms().create_key(&site.world.root, hmac).await), "UnsupportedOperationException");
    let everywhere = CreateKeyRequest { multi_region: true, ..in_store(&id) };
    assert_eq!(code(site.kms().create_key(&site.world.root, everywhere).await), "UnsupportedOperationException");
    assert_eq!(code(site.key_in("cks-0").await), "CustomKeyStoreNotFoundException");
    let key = site.key_in(&id).await.unwrap().to_string();
    let rotate = RotateKeyOnDemandRequest { key_id: key.clone() };
    assert_eq!(code(site.kms().rotate_key_on_demand(&site.world.root, rotate).await), "UnsupportedOperationException");
    let rotate = EnableKeyRotationRequest { key_id: key, ..Default::default() };
    assert_eq!(code(site.kms().enable_key_rotation(&site.world.root, rotate).await), "UnsupportedOperationException");
}

#[tokio::test]
async fn a_store_goes_only_empty_and_disconnected() {
    let site = Site::new().await;
    let id = site.connected().await;
    assert_eq!(code(site.delete(&id).await), "CustomKeyStoreInvalidStateException");
    let key = site.key_in(&id).await.unwrap();
    site.disconnect(&id).await.unwrap();
    assert_eq!(code(site.delete(&id).await), "CustomKeyStoreHasCMKsException");
    site.world.schedule_deletion(&key).await;
    assert_eq!(code(site.delete(&id).await), "CustomKeyStoreHasCMKsException", "it may be cancelled");
    site.world.clock.advance(7 * DAY);
    assert!(site.kms().run_due().await.is_err(), "material out of reach is not forgotten");
    site.connect(&id).await.unwrap();
    site.settled(&id).await;
    site.kms().run_due().await.unwrap();
    assert!(site.cluster.holder.names().is_empty());
    site.disconnect(&id).await.unwrap();
    site.delete(&id).await.unwrap();
    assert_eq!(code(site.delete(&id).await), "CustomKeyStoreNotFoundException");
}

#[tokio::test]
async fn another_cluster_must_hold_the_keys() {
    let site = Site::new().await;
    let id = site.connected().await;
    let other = || UpdateCustomKeyStoreRequest {
        custom_key_store_id: id.clone(),
        cloud_hsm_cluster_id: Some(OTHER_CLUSTER.to_owned()),
        ..Default::default()
    };
    assert_eq!(code(site.update(other()).await), "CustomKeyStoreInvalidStateException");
    site.key_in(&id).await.unwrap();
    site.disconnect(&id).await.unwrap();
    assert_eq!(code(site.update(other()).await), "CloudHsmClusterNotRelatedException");
    site.other.lose(2);
    assert_eq!(code(site.update(other()).await), "CloudHsmClusterNotActiveException");
}

#[tokio::test]
async fn stores_belong_to_their_account_and_need_permission() {
    let site = Site::new().await;
    let id = site.connected().await;
    let by_id = || DescribeCustomKeyStoresRequest { custom_key_store_id: Some(id.clone()), ..Default::default() };
    let foreign = site.kms().describe_custom_key_stores(&root(OTHER_ACCOUNT), by_id()).await;
    assert_eq!(code(foreign), "CustomKeyStoreNotFoundException");
    let nobody = user(ACCOUNT, "bob", &[]);
    assert_eq!(code(site.kms().describe_custom_key_stores(&nobody, by_id()).await), "AccessDeniedException");
    let unknown = ConnectCustomKeyStoreRequest { custom_key_store_id: "cks-0".into() };
    let outcome = site.kms().connect_custom_key_store(&nobody, unknown).await;
    assert_eq!(code(outcome), "AccessDeniedException", "before anything is looked up");
    let create = site.kms().create_custom_key_store(&nobody, request("b")).await;
    assert_eq!(code(create), "AccessDeniedException");
}

#[tokio::test]
async fn a_restart_keeps_stores_connections_and_keys_and_no_password_in_the_clear() {
    let site = Site::new().await;
    let id = site.connected().await;
    let key = site.key_in(&id).await.unwrap();
    let sealed = site.world.encrypt(&key, b"secret").await;
    let parts = (site.world.meta.clone(), site.world.audit.clone(), site.world.clock.clone());
    let settings = settings(&site.cluster, &site.other);
    let again = Embedded::open(parts.0, parts.1, parts.2, settings).await.unwrap();
    let request = DecryptRequest { ciphertext_blob: Blob::new(sealed), ..Default::default() };
    assert_eq!(again.decrypt(&site.world.root, request).await.unwrap().plaintext.expose(), b"secret");
    let all = arqueta_store::MetaStore::scan(&*site.world.meta, arqueta_store::Scan::prefix(b"", 1000)).await.unwrap();
    assert!(all.iter().any(|(key, _)| key.starts_with(b"kms/s/")));
    assert!(!all.iter().any(|(_, value)| value.windows(7).any(|window| window == b"1234567")));
    let record = format!("{:?}", site.world.audit.inner().events());
    assert!(!record.contains("1234567"));
}

#[tokio::test]
async fn random_bytes_come_from_the_tokens_of_a_connected_store() {
    let site = Site::new().await;
    let id = site.connected().await;
    let request = || GenerateRandomRequest { number_of_bytes: 5, custom_key_store_id: Some(id.clone()) };
    let drawn = site.kms().generate_random(&site.world.root, request()).await.unwrap();
    assert_eq!(drawn.plaintext.expose(), [4; 5]);
    site.disconnect(&id).await.unwrap();
    let refused = site.kms().generate_random(&site.world.root, request()).await;
    assert_eq!(code(refused), "CustomKeyStoreInvalidStateException");
}
