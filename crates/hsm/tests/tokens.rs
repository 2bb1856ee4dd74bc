//! Clusters of two SoftHSM tokens in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arqueta_hsm::{Cluster, Launch, Settings};
use arqueta_kms::testing::holder_contract;
use arqueta_kms::{HolderError, KeyHolder as _, TokenCluster as _, Use};
use arqueta_model::{Clock as _, EncryptionContext, KeyArn, RequestId, SystemClock};
use tempfile::TempDir;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "1234567";

/// Two tokens that can be taken away.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(bench.tokens()).expect("a folder");
        let config = format!("directories.tokendir = {}\nlog.level = ERROR\n", bench.tokens().display());
        std::fs::write(bench.config(), config).expect("a file");
        for label in ["a", "b"] {
            let arguments = ["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN];
            let made = Command::new("softhsm2-util")
                .args(arguments)
                .env("SOFTHSM2_CONF", bench.config())
                .stdout(Stdio::null())
                .status();
            assert!(made.expect("Debian's softhsm2 is installed").success());
            // Folders are named by serial numbers; so that a test can name them:
            for entry in std::fs::read_dir(bench.tokens()).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.file_name().is_some_and(|name| name.len() > 1) {
                    std::fs::rename(path, bench.tokens().join(label)).expect("renamed");
                }
            }
        }
        bench
    }

    fn tokens(&self) -> PathBuf {
        self.folder.path().join("tokens")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("softhsm2.conf")
    }

    fn take_away(&self, label: &str) {
        std::fs::rename(self.tokens().join(label), self.folder.path().join(label)).expect("taken away");
    }

    fn bring_back(&self, label: &str) {
        std::fs::rename(self.folder.path().join(label), self.tokens().join(label)).expect("brought back");
    }

    async fn cluster(&self, tokens: &[&str], pin: &str) -> Cluster {
        let launch = Launch {
            program: env!("CARGO_BIN_EXE_arqueta-token-worker").into(),
            arguments: Vec::new(),
            environment: vec![("SOFTHSM2_CONF".to_owned(), self.config().display().to_string())],
            withheld: Vec::new(),
        };
        let settings = Settings {
            module: MODULE.into(),
            tokens: tokens.iter().map(|label| (*label).to_owned()).collect(),
            pin: pin.to_owned().into(),
            trust_anchor: Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
        };
        Cluster::open(settings, launch, Arc::new(SystemClock)).await
    }
}

fn arn() -> KeyArn {
    "arn:aws:kms:us-east-1:111122223333:key/k".parse().expect("an ARN")
}

/// Waits, up to half a minute, for what happens by itself.
async fn eventually(what: &str, happened: impl Fn() -> bool) {
    for _ in 0..1500 {
        if happened() {
            return;
        }
        SystemClock.sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not happen");
}

#[tokio::test]
async fn a_cluster_keeps_the_contract_of_a_holder() {
    let bench = Bench::new();
    holder_contract(&bench.cluster(&["a", "b"], PIN).await).await;
}

#[tokio::test]
async fn one_token_lost_under_load_is_not_noticed_and_comes_back() {
    let bench = Bench::new();
    let cluster = bench.cluster(&["a", "b"], PIN).await;
    let name = cluster.create(&arn()).await.expect("made");
    let request = RequestId::random();
    for label in ["a", "b"] {
        let load = async {
            for n in 0..200_u8 {
                let none = EncryptionContext::default();
                let of = Use { name: &name, request: &request, context: &none };
                let sealed = cluster.encrypt(&of, &[n; 32], b"aad").await.expect("seals all the time");
                let opened = cluster.decrypt(&of, &sealed, b"aad").await.expect("opens all the time");
                assert_eq!(opened.as_slice(), [n; 32]);
                if n == 20 {
                    bench.take_away(label);
                }
            }
            eventually("noticing the loss", || cluster.working() == 1).await;
        };
        load.await;
        assert!(cluster.is_available());
        assert!(matches!(cluster.create(&arn()).await, Err(HolderError::Unavailable(_))), "a key needs all tokens");
        bench.bring_back(label);
        eventually("coming back", || cluster.working() == 2).await;
    }
    cluster.create(&arn()).await.expect("keys are made again");
}

#[tokio::test]
async fn with_both_tokens_lost_the_cluster_is_away_until_one_is_back() {
    let bench = Bench::new();
    let cluster = bench.cluster(&["a", "b"], PIN).await;
    let name = cluster.create(&arn()).await.expect("made");
    let request = RequestId::random();
    let none = EncryptionContext::default();
    let of = Use { name: &name, request: &request, context: &none };
    let sealed = cluster.encrypt(&of, b"x", b"").await.expect("seals");
    bench.take_away("a");
    bench.take_away("b");
    let outcome = cluster.decrypt(&of, &sealed, b"").await;
    assert!(matches!(outcome, Err(HolderError::Unavailable(_))), "never UnknownKey: {outcome:?}");
    eventually("noticing", || !cluster.is_available()).await;
    bench.bring_back("b");
    eventually("coming back", || cluster.is_available()).await;
    assert_eq!(cluster.decrypt(&of, &sealed, b"").await.expect("opens again").as_slice(), b"x");
}

#[tokio::test]
async fn a_worker_that_dies_takes_nothing_with_it() {
    let bench = Bench::new();
    let cluster = bench.cluster(&["a", "b"], PIN).await;
    let name = cluster.create(&arn()).await.expect("made");
    for worker in workers(&bench) {
        let killed = Command::new("kill").args(["-9", &worker]).status();
        assert!(killed.expect("kill runs").success());
    }
    eventually("noticing", || cluster.working() < 2).await;
    eventually("coming back", || cluster.working() == 2).await;
    let request = RequestId::random();
    cluster
        .encrypt(&Use { name: &name, request: &request, context: &EncryptionContext::default() }, b"x", b"")
        .await
        .expect("seals");
}

/// Workers that this process started for these tokens, by the kernel's own list.
fn workers(bench: &Bench) -> Vec<String> {
    let thread_lists = std::fs::read_dir("/proc/self/task")
        .expect("Linux")
        .map(|task| std::fs::read_to_string(task.expect("a task").path().join("children")).unwrap_or_default());
    let all: Vec<_> = thread_lists.collect();
    let children = all.iter().flat_map(|list| list.split_whitespace());
    let config = bench.config().display().to_string();
    let is_own = |pid: &&str| {
        let environment = std::fs::read(Path::new("/proc").join(pid).join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&config)
    };
    children.filter(is_own).map(str::to_owned).collect()
}

#[tokio::test]
async fn kept_keys_are_sensitive_not_extractable_and_useless_outside_in_both_tokens() {
    let bench = Bench::new();
    let cluster = bench.cluster(&["a", "b"], PIN).await;
    let name = cluster.create(&arn()).await.expect("made");
    // The module reads its configuration from the environment, which is its process's own.
    let inspected = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "inspect", "--ignored", "--nocapture"])
        .env("SOFTHSM2_CONF", bench.config())
        .env("INSPECT", &name)
        .output()
        .expect("this test runs");
    let said = String::from_utf8_lossy(&inspected.stdout);
    assert!(inspected.status.success() && said.contains("1 passed"), "{said}");
}

/// With a module of its own, so that nothing of this crate vouches for itself.
#[test]
#[ignore = "runs as a process of its own, started by the test above"]
fn inspect() {
    use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
    use cryptoki::mechanism::Mechanism;
    use cryptoki::object::{Attribute, AttributeInfo, AttributeType, ObjectClass};
    use cryptoki::session::UserType;

    let name = std::env::var("INSPECT").expect("a name");
    let module = Pkcs11::new(MODULE).expect("the module");
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("initialized");
    let slots = module.get_slots_with_initialized_token().expect("slots");
    assert_eq!(slots.len(), 2);
    for slot in slots {
        let session = module.open_rw_session(slot).expect("a session");
        session.login(UserType::User, Some(&PIN.to_owned().into())).expect("logged in");
        let secret = [Attribute::Class(ObjectClass::SECRET_KEY)];
        let labelled = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(name.clone().into())];
        assert_eq!(session.find_objects(&secret).expect("found").len(), 2, "the key and the canary");
        let [key] = session.find_objects(&labelled).expect("found")[..] else { panic!("one key of the name") };
        let bad = [
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::Private(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        let kinds: Vec<_> = bad.iter().map(Attribute::attribute_type).collect();
        let attributes = session.get_attributes(key, &kinds).expect("attributes");
        assert_eq!(attributes.len(), bad.len());
        assert!(attributes.iter().all(|attribute| !bad.contains(attribute)), "{attributes:?}");
        let value = session.get_attribute_info(key, &[AttributeType::Value]).expect("information");
        assert!(matches!(value[..], [AttributeInfo::Sensitive]), "{value:?}");
        let wrapping = [Attribute::Token(false), Attribute::Wrap(true), Attribute::ValueLen(32.into())];
        let wrapping = session.generate_key(&Mechanism::AesKeyGen, &wrapping).expect("a wrapping key");
        session.wrap_key(&Mechanism::AesKeyWrap, wrapping, key).expect_err("not even wrapped does it leave");
        session.update_attributes(key, &[Attribute::Extractable(true)]).expect_err("nor can that be changed");
    }
}

#[tokio::test]
async fn a_wrong_pin_and_a_missing_module_leave_the_cluster_away() {
    let bench = Bench::new();
    let cluster = bench.cluster(&["a", "b"], "7654321").await;
    assert_eq!((cluster.tokens(), cluster.working()), (2, 0));
    assert!(matches!(cluster.create(&arn()).await, Err(HolderError::Unavailable(_))));
    let missing = bench.cluster(&["a", "nobody"], PIN).await;
    assert_eq!(missing.working(), 1);
}

#[tokio::test]
async fn one_token_is_not_enough_to_make_a_key() {
    let bench = Bench::new();
    let cluster = bench.cluster(&["a"], PIN).await;
    assert_eq!(cluster.working(), 1);
    assert!(matches!(cluster.create(&arn()).await, Err(HolderError::Unavailable(_))));
}

#[tokio::test]
async fn a_cluster_knows_its_password_and_its_certificate() {
    let bench = Bench::new();
    let cluster = bench.cluster(&["a"], PIN).await;
    assert!(cluster.accepts(PIN.as_bytes()) && !cluster.accepts(b"1234568") && !cluster.accepts(b""));
    assert!(cluster.trusts("-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----"));
    assert!(!cluster.trusts("-----BEGIN CERTIFICATE-----\nAAAB\n-----END CERTIFICATE-----\n"));
    let (one, two) = (cluster.random(64).await.expect("random"), cluster.random(64).await.expect("random"));
    assert_eq!(one.len(), 64);
    assert_ne!(one, two);
}
