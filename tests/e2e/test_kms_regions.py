"""Multi-Region keys: two gateways, two Regions, and a line between them that can be cut and heard."""

import json
import os
import secrets
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from conftest import ACCOUNT

HOME, AWAY = "us-east-1", "eu-west-1"


class Line:
    """A TCP line to a gateway wherever that listens now. It keeps all that it carries."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target = None
        self.passes = None
        self.carried = bytearray()
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def connect(self, url):
        self.target = int(url.rsplit(":", 1)[1])

    def cut(self, after=0):
        """Lets `after` more exchanges through, and then none: each has a connection of its own."""
        with self.lock:
            self.passes = after

    def heal(self):
        with self.lock:
            self.passes = None

    def open(self):
        with self.lock:
            if self.passes is None:
                return True
            self.passes -= 1
            return self.passes >= 0

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            if not self.open() or self.target is None:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one, other):
        try:
            while data := one.recv(65536):
                self.carried += data
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def eventually(check, seconds=40):
    """The first true answer of `check`; refusals count as not yet."""
    until = time.monotonic() + seconds
    while True:
        try:
            if answer := check():
                return answer
        except ClientError:
            pass
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.05)


def code(call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"]


def key_file(folder, name, raw=None):
    path = folder / name
    path.write_bytes(raw or secrets.token_bytes(32))
    os.chmod(path, 0o600)
    return path


def configuration(folder, own, other, line, key, scheme="http", ca=None):
    path = folder / f"{own}.toml"
    text = f'region = "{own}"\nlog = "info"\n[regions.{other}]\nendpoint = "{scheme}://127.0.0.1:{line.port}"\nkey_file = "{key}"\n'
    path.write_text(text + (f'ca_file = "{ca}"\n' if ca else ""))
    return path


@pytest.fixture
def pair(start, tmp_path):
    """Two Regions. A gateway that was started again is put on its line by `up`."""
    lines = {HOME: Line(), AWAY: Line()}
    key = key_file(tmp_path, "pair.key")
    gateways = {}
    for own, other in ((HOME, AWAY), (AWAY, HOME)):
        config = configuration(tmp_path, own, other, lines[other], key)
        gateways[own] = start("--config", str(config), data=tmp_path / own)
        lines[own].connect(gateways[own].url)

    def up(region):
        gateways[region].start()
        lines[region].connect(gateways[region].url)

    world = SimpleNamespace(
        gateways=gateways, lines=lines, up=up,
        kms=lambda region: gateways[region].client("kms", region=region),
        s3=lambda region: gateways[region].client("s3", region=region))
    yield world
    for gateway in gateways.values():
        gateway.stop(signal.SIGKILL)


def made(pair):
    """A key in HOME and its replica in AWAY, once that works."""
    key = pair.kms(HOME).create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    replica = pair.kms(HOME).replicate_key(KeyId=key, ReplicaRegion=AWAY)["ReplicaKeyMetadata"]["Arn"]
    eventually(lambda: state(pair, AWAY, replica) == "Enabled")
    return key, replica


def metadata(pair, region, key):
    return pair.kms(region).describe_key(KeyId=key)["KeyMetadata"]


def state(pair, region, key):
    return metadata(pair, region, key)["KeyState"]


def kind(pair, region, key):
    return metadata(pair, region, key)["MultiRegionConfiguration"]["MultiRegionKeyType"]


def test_a_key_in_two_regions(pair):
    home, away = pair.kms(HOME), pair.kms(AWAY)
    key = home.create_key(MultiRegion=True, Description="here")["KeyMetadata"]
    assert key["KeyId"].startswith("mrk-") and len(key["KeyId"]) == 36
    assert key["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY", "PrimaryKey": {"Arn": key["Arn"], "Region": HOME}, "ReplicaKeys": []}
    answer = home.replicate_key(KeyId=key["KeyId"], ReplicaRegion=AWAY, Description="there",
                                Tags=[{"TagKey": "a", "TagValue": "b"}])
    replica = answer["ReplicaKeyMetadata"]
    assert (replica["KeyState"], answer["ReplicaTags"]) == ("Creating", [{"TagKey": "a", "TagValue": "b"}])
    assert replica["Arn"] == key["Arn"].replace(HOME, AWAY)
    eventually(lambda: state(pair, AWAY, replica["Arn"]) == "Enabled")
    assert code(home.replicate_key, KeyId=key["KeyId"], ReplicaRegion=AWAY) == "AlreadyExistsException"
    assert code(home.replicate_key, KeyId=key["KeyId"], ReplicaRegion="ap-south-1") == "UnsupportedOperationException"
    assert code(away.replicate_key, KeyId=key["KeyId"], ReplicaRegion=HOME) == "UnsupportedOperationException"

    blob = home.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
    pair.gateways[HOME].stop(signal.SIGKILL)
    opened = away.decrypt(CiphertextBlob=blob, KeyId=replica["Arn"], EncryptionContext={"a": "b"})
    assert (opened["Plaintext"], opened["KeyId"]) == (b"x", replica["Arn"]), "without a call to the other Region"
    moved = away.re_encrypt(CiphertextBlob=blob, SourceKeyId=replica["Arn"], SourceEncryptionContext={"a": "b"},
                            DestinationKeyId=replica["Arn"])["CiphertextBlob"]
    assert code(away.decrypt, CiphertextBlob=blob, KeyId=key["Arn"], EncryptionContext={"a": "b"}) == "NotFoundException"
    pair.up(HOME)
    assert pair.kms(HOME).decrypt(CiphertextBlob=moved)["Plaintext"] == b"x"

    away.create_alias(AliasName="alias/there", TargetKeyId=replica["KeyId"])
    away.disable_key(KeyId=replica["KeyId"])
    assert code(pair.kms(HOME).describe_key, KeyId="alias/there") == "NotFoundException"
    assert (state(pair, HOME, key["Arn"]), state(pair, AWAY, replica["Arn"])) == ("Enabled", "Disabled")
    assert [t["TagKey"] for t in away.list_resource_tags(KeyId=replica["KeyId"])["Tags"]] == ["a"]


def test_objects_under_the_replica(pair):
    _, replica = made(pair)
    s3 = pair.s3(AWAY)
    s3.create_bucket(Bucket="away", CreateBucketConfiguration={"LocationConstraint": AWAY})
    s3.put_bucket_encryption(Bucket="away", ServerSideEncryptionConfiguration={"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": replica},
        "BucketKeyEnabled": True}]})
    pair.lines[HOME].cut()
    assert s3.put_object(Bucket="away", Key="k", Body=b"sealed away")["SSEKMSKeyId"] == replica
    assert s3.get_object(Bucket="away", Key="k")["Body"].read() == b"sealed away"


def test_a_rotation_reaches_a_region_that_was_down(pair):
    key, replica = made(pair)
    home = pair.kms(HOME)
    old = home.generate_data_key(KeyId=key, KeySpec="AES_256")
    pair.gateways[AWAY].stop(signal.SIGKILL)
    home.rotate_key_on_demand(KeyId=key)
    home.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    during = home.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert during["KeyMaterialId"] == old["KeyMaterialId"], "new material is used once all Regions have it"
    assert code(home.rotate_key_on_demand, KeyId=key) == "ConflictException"
    pair.gateways[HOME].stop(signal.SIGKILL)
    pair.up(HOME)
    pair.up(AWAY)
    home, away = pair.kms(HOME), pair.kms(AWAY)
    new = eventually(lambda: (m := metadata(pair, HOME, key)["CurrentKeyMaterialId"]) != old["KeyMaterialId"] and m)
    eventually(lambda: metadata(pair, AWAY, replica)["CurrentKeyMaterialId"] == new)
    for one, other, arn in ((home, away, key), (away, home, replica)):
        data = one.generate_data_key(KeyId=arn, KeySpec="AES_256")
        assert data["KeyMaterialId"] == new
        assert other.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    for before in (old, during):
        assert away.decrypt(CiphertextBlob=before["CiphertextBlob"])["Plaintext"] == before["Plaintext"]
    status = away.get_key_rotation_status(KeyId=replica)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 100)
    assert len(away.list_key_rotations(KeyId=replica)["Rotations"]) == 1
    for call in (away.enable_key_rotation, away.disable_key_rotation, away.rotate_key_on_demand):
        assert code(call, KeyId=replica) == "UnsupportedOperationException"


def test_the_primary_moves_though_both_die_in_the_middle(pair):
    key, replica = made(pair)
    # The question whether the replica is fit arrives, the hand-over does not.
    pair.lines[AWAY].cut(after=1)
    pair.kms(HOME).update_primary_region(KeyId=key, PrimaryRegion=AWAY)
    pair.gateways[AWAY].stop(signal.SIGKILL)
    assert (state(pair, HOME, key), kind(pair, HOME, key)) == ("Updating", "REPLICA")
    data = pair.kms(HOME).generate_data_key(KeyId=key, KeySpec="AES_256")
    assert code(pair.kms(HOME).disable_key, KeyId=key) == "KMSInvalidStateException"
    pair.gateways[HOME].stop(signal.SIGKILL)
    pair.lines[AWAY].heal()
    pair.up(AWAY)
    assert kind(pair, AWAY, replica) == "REPLICA", "nobody is the primary before the new one has heard"
    pair.up(HOME)
    eventually(lambda: kind(pair, AWAY, replica) == "PRIMARY")
    eventually(lambda: state(pair, HOME, key) == "Enabled")
    assert kind(pair, HOME, key) == "REPLICA"
    assert pair.kms(AWAY).decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    pair.kms(AWAY).rotate_key_on_demand(KeyId=replica)
    eventually(lambda: len(pair.kms(HOME).list_key_rotations(KeyId=key)["Rotations"]) == 1)
    pair.kms(AWAY).update_primary_region(KeyId=replica, PrimaryRegion=HOME)
    eventually(lambda: kind(pair, HOME, key) == "PRIMARY" and kind(pair, AWAY, replica) == "REPLICA")


def test_a_hand_over_to_a_region_that_is_down_changes_nothing(pair):
    key, _ = made(pair)
    pair.gateways[AWAY].stop(signal.SIGKILL)
    assert code(pair.kms(HOME).update_primary_region, KeyId=key, PrimaryRegion=AWAY) == "DependencyTimeoutException"
    assert (state(pair, HOME, key), kind(pair, HOME, key)) == ("Enabled", "PRIMARY")


def test_a_primary_waits_for_its_replicas_before_it_is_deleted(pair):
    key, replica = made(pair)
    answer = pair.kms(HOME).schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingReplicaDeletion", 7)
    assert "DeletionDate" not in answer
    described = metadata(pair, HOME, key)
    assert described["PendingDeletionWindowInDays"] == 7 and "DeletionDate" not in described
    assert code(pair.kms(HOME).encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    pair.kms(AWAY).encrypt(KeyId=replica, Plaintext=b"x")
    assert "DeletionDate" in pair.kms(AWAY).schedule_key_deletion(KeyId=replica, PendingWindowInDays=7)
    for region, arn in ((HOME, key), (AWAY, replica)):
        pair.kms(region).cancel_key_deletion(KeyId=arn)
        assert state(pair, region, arn) == "Disabled"


def test_both_records_tell_of_it(pair):
    key, replica = made(pair)

    def of(region, name, arn):
        events = pair.gateways[region].events(name)
        return [e for e in events if arn in (r["ARN"] for r in e.get("resources", []))]

    eventually(lambda: of(HOME, "SynchronizeMultiRegionKey", key))
    (replicated,) = of(HOME, "ReplicateKey", key)
    assert replicated["requestParameters"]["replicaRegion"] == AWAY
    (created,) = of(AWAY, "CreateKey", replica)
    assert created["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:root" and created["awsRegion"] == AWAY
    synchronised = of(AWAY, "SynchronizeMultiRegionKey", replica)[0]
    assert synchronised["eventType"] == "AwsServiceEvent"
    assert synchronised["serviceEventDetails"] == {"keyId": replica.rsplit("/", 1)[1]}
    pair.kms(HOME).update_primary_region(KeyId=key, PrimaryRegion=AWAY)
    eventually(lambda: of(HOME, "UpdatePrimaryRegion", key) and of(AWAY, "UpdatePrimaryRegion", replica))


def test_nothing_on_the_line_can_be_read(pair):
    key, _ = made(pair)
    secret = "the-words-of-" + secrets.token_hex(8)
    policy = json.loads(pair.kms(HOME).get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Id"] = secret
    other = pair.kms(HOME).create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    replica = pair.kms(HOME).replicate_key(KeyId=other, ReplicaRegion=AWAY, Policy=json.dumps(policy))
    eventually(lambda: state(pair, AWAY, replica["ReplicaKeyMetadata"]["Arn"]) == "Enabled")
    pair.kms(HOME).rotate_key_on_demand(KeyId=key)
    eventually(lambda: pair.kms(HOME).list_key_rotations(KeyId=key)["Rotations"])
    carried = b"".join(bytes(line.carried) for line in pair.lines.values())
    assert b"POST /-/regions/us-east-1" in carried, "the line was heard"
    for readable in (secret, "mrk-", ACCOUNT, "kms:*", "material", "versions"):
        assert readable.encode() not in carried, readable


def test_who_has_no_peer_key_is_not_heard(pair):
    url = pair.gateways[AWAY].url + "/-/regions/"
    carried = bytes(pair.lines[AWAY].carried)
    for sender in (HOME, AWAY, "ap-south-1", "", "..%2f"):
        for body in (b"", secrets.token_bytes(200), carried[-200:]):
            request = urllib.request.Request(url + sender, data=body, method="POST",
                                             headers={"Content-Type": "application/vnd.arqueta.region"})
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request, timeout=10)
            assert (error.value.code, error.value.read()) == (403, b""), (sender, body)


def test_another_peer_key_is_refused_and_said(start, tmp_path):
    lines = {HOME: Line(), AWAY: Line()}
    gateways = {}
    for own, other in ((HOME, AWAY), (AWAY, HOME)):
        config = configuration(tmp_path, own, other, lines[other], key_file(tmp_path, f"{own}.key"))
        gateways[own] = start("--config", str(config), data=tmp_path / own)
        lines[own].connect(gateways[own].url)
    kms, away = (gateways[region].client("kms", region=region) for region in (HOME, AWAY))
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    kms.replicate_key(KeyId=key, ReplicaRegion=AWAY)
    eventually(lambda: "another peer key" in gateways[HOME].stderr_path.read_text())
    assert code(away.describe_key, KeyId=key) == "NotFoundException"
    assert code(kms.update_primary_region, KeyId=key, PrimaryRegion=AWAY) == "KMSInvalidStateException"
    for gateway in gateways.values():
        gateway.stop(signal.SIGKILL)


def test_regions_speak_tls_to_whom_their_ca_vouches_for(start, tmp_path):
    def certificate(name):
        import datetime
        import ipaddress

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        private = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        cert = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(private.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=30))
                .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
                .sign(private, hashes.SHA256()))
        pem, secret = tmp_path / f"{name}.pem", tmp_path / f"{name}.private"
        pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                 serialization.NoEncryption()))
        return pem, secret

    (pem, secret), (stranger, _) = certificate("away"), certificate("stranger")
    key = key_file(tmp_path, "pair.key")
    lines = {HOME: Line(), AWAY: Line()}
    config = configuration(tmp_path, AWAY, HOME, lines[HOME], key)
    away = start("--config", str(config), "--tls-cert", str(pem), "--tls-key", str(secret), data=tmp_path / AWAY)
    lines[AWAY].connect(away.url)
    for ca, works in ((stranger, False), (pem, True)):
        config = configuration(tmp_path, HOME, AWAY, lines[AWAY], key, "https", ca)
        home = start("--config", str(config), data=tmp_path / f"{HOME}-{works}")
        lines[HOME].connect(home.url)
        kms, there = home.client("kms", region=HOME), away.client("kms", region=AWAY)
        made = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        kms.replicate_key(KeyId=made, ReplicaRegion=AWAY)
        if works:
            eventually(lambda: there.describe_key(KeyId=made)["KeyMetadata"]["KeyState"] == "Enabled")
        else:
            eventually(lambda: "certificate" in home.stderr_path.read_text())
            assert code(there.describe_key, KeyId=made) == "NotFoundException"
        home.stop(signal.SIGKILL)
    away.stop(signal.SIGKILL)
