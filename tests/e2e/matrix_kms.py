"""The KMS half of the authorization matrix: every operation, what it needs, and what it is answered."""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from conftest import ACCOUNT, REGION
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

DENIED = (400, "AccessDeniedException")
STORE = "cks-0123456789abcdef0"
ANCHOR = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
OWN = {"other account": (200, None)}
ABSENT = {"other account": (400, "NotFoundException")}
WRAPPING = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}


def b64(data):
    return base64.b64encode(data).decode()


@dataclass(frozen=True)
class Row:
    """One operation as it is asked for, on what a [`Place`] has."""
    operation: str
    request: Callable
    # Permissions, each on a resource; by default the operation's own on the row's key.
    needs: Callable = None
    allowed: tuple = (200, None)
    others: dict = field(default_factory=dict)
    title: str = ""
    # Which key of the place the request names, if strangers may name it too.
    of: str = ""

    def __str__(self):
        return self.title or self.operation


def key(operation, of="key", **more):
    """An operation on a key, with further members that may be functions of the place."""
    given = {name: more.pop(name) for name in list(more) if name[0].isupper()}
    return Row(operation, lambda at: {"KeyId": getattr(at, of)} | {k: v(at) if callable(v) else v for k, v in given.items()},
               lambda at: [("kms:" + operation, getattr(at, of))], of=of, **more)


def account(operation, others=OWN, allowed=(200, None), **given):
    """An operation that concerns no key: other accounts do it to themselves."""
    return Row(operation, lambda at: given, lambda at: [("kms:" + operation, "*")], allowed=allowed, others=others)


def store(operation, **given):
    missing = (400, "CustomKeyStoreNotFoundException")
    return account(operation, {"other account": missing}, missing, CustomKeyStoreId=STORE, **given)


NO_CLUSTER = (400, "CloudHsmClusterNotFoundException")
MESSAGE = {"Message": b64(b"hello"), "SigningAlgorithm": "ECDSA_SHA_256"}
MAC = {"Message": b64(b"hello"), "MacAlgorithm": "HMAC_SHA_256"}
TAG = [{"TagKey": "new", "TagValue": "1"}]

ROWS = [
    key("CancelKeyDeletion", "deleting"),
    store("ConnectCustomKeyStore"),
    Row("CreateAlias", lambda at: {"AliasName": at.new_alias, "TargetKeyId": at.key},
        lambda at: [("kms:CreateAlias", at.arn(at.new_alias)), ("kms:CreateAlias", at.key)], of="key"),
    account("CreateCustomKeyStore", {"other account": NO_CLUSTER}, NO_CLUSTER, CustomKeyStoreName="store", KeyStorePassword="1234567",
            CloudHsmClusterId="cluster-abcdefghijk", TrustAnchorCertificate=ANCHOR),
    key("CreateGrant", GranteePrincipal=lambda at: at.world.user_arn, Operations=["Decrypt"]),
    account("CreateKey"),
    Row("CreateKey", lambda at: {"Tags": TAG}, lambda at: [("kms:CreateKey", "*"), ("kms:TagResource", "*")], others=OWN,
        title="CreateKey with tags"),
    Row("Decrypt", lambda at: {"CiphertextBlob": at.ciphertext}, lambda at: [("kms:Decrypt", at.key)]),
    key("Decrypt", CiphertextBlob=lambda at: at.ciphertext, title="Decrypt by a named key"),
    Row("DeleteAlias", lambda at: {"AliasName": at.alias}, lambda at: [("kms:DeleteAlias", at.arn(at.alias)), ("kms:DeleteAlias", at.key)],
        others=ABSENT),
    store("DeleteCustomKeyStore"),
    key("DeleteImportedKeyMaterial", "external"),
    key("DeriveSharedSecret", "agreement", KeyAgreementAlgorithm="ECDH", PublicKey=lambda at: at.public_key),
    account("DescribeCustomKeyStores"),
    key("DescribeKey"),
    key("DisableKey"),
    key("DisableKeyRotation"),
    store("DisconnectCustomKeyStore"),
    key("EnableKey", "disabled"),
    key("EnableKeyRotation"),
    key("Encrypt", Plaintext=b64(b"hello")),
    key("GenerateDataKey", KeySpec="AES_256"),
    key("GenerateDataKeyPair", KeyPairSpec="ECC_NIST_P256"),
    key("GenerateDataKeyPairWithoutPlaintext", KeyPairSpec="ECC_NIST_P256"),
    key("GenerateDataKeyWithoutPlaintext", KeySpec="AES_256"),
    key("GenerateMac", "hmac", **MAC),
    account("GenerateRandom", NumberOfBytes=16),
    key("GetKeyLastUsage"),
    key("GetKeyPolicy"),
    key("GetKeyRotationStatus"),
    key("GetParametersForImport", "external", **WRAPPING),
    key("GetPublicKey", "signing"),
    key("ImportKeyMaterial", "external", ImportToken=lambda at: at.brought["ImportToken"], ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        EncryptedKeyMaterial=lambda at: at.material),
    account("ListAliases"),
    Row("ListAliases", lambda at: {"KeyId": at.key}, lambda at: [("kms:ListAliases", "*")], title="ListAliases of a key", of="key"),
    key("ListGrants"),
    key("ListKeyPolicies"),
    key("ListKeyRotations"),
    account("ListKeys"),
    key("ListResourceTags"),
    Row("ListRetirableGrants", lambda at: {"RetiringPrincipal": at.world.user_arn}, lambda at: [("kms:ListRetirableGrants", "*")],
        others={"other account": (400, "ValidationException")}),
    key("PutKeyPolicy", PolicyName="default", Policy=lambda at: at.policy),
    Row("ReEncrypt", lambda at: {"CiphertextBlob": at.ciphertext, "DestinationKeyId": at.second},
        lambda at: [("kms:ReEncryptFrom", at.key), ("kms:ReEncryptTo", at.second)], of="second"),
    # Without another Region there is nowhere to go, which only those who may go there are told.
    Row("ReplicateKey", lambda at: {"KeyId": at.multi, "ReplicaRegion": "eu-west-1"},
        lambda at: [("kms:ReplicateKey", at.multi), ("kms:CreateKey", "*")], allowed=(400, "UnsupportedOperationException"), of="multi"),
    Row("RetireGrant", lambda at: {"KeyId": at.key, "GrantId": at.grant}, lambda at: [("kms:RetireGrant", at.key)], of="key"),
    key("RevokeGrant", GrantId=lambda at: at.grant),
    key("RotateKeyOnDemand"),
    key("ScheduleKeyDeletion", PendingWindowInDays=7),
    key("Sign", "signing", **MESSAGE),
    key("TagResource", Tags=TAG),
    key("UntagResource", TagKeys=["old"]),
    Row("UpdateAlias", lambda at: {"AliasName": at.alias, "TargetKeyId": at.second},
        lambda at: [("kms:UpdateAlias", at.arn(at.alias)), ("kms:UpdateAlias", at.key), ("kms:UpdateAlias", at.second)], others=ABSENT),
    store("UpdateCustomKeyStore", NewCustomKeyStoreName="other"),
    key("UpdateKeyDescription", Description="new"),
    key("UpdatePrimaryRegion", "multi", PrimaryRegion="eu-west-1", allowed=(400, "NotFoundException")),
    key("Verify", "signing", Signature=lambda at: at.signature, **MESSAGE),
    key("VerifyMac", "hmac", Mac=lambda at: at.mac, **MAC),
]

# Questions by which root sees all that a denied call might have changed about a key.
VIEWS = ["DescribeKey", "GetKeyPolicy", "ListGrants", "GetKeyRotationStatus", "ListKeyRotations", "ListResourceTags", "GetKeyLastUsage",
         "ListAliases"]


class Place:
    """Keys of every kind that an operation can be about; each is made on demand."""

    def __init__(self, world):
        self.world = world
        self.keys = []
        self.name = secrets.token_hex(8)

    def fresh(self, **options):
        options.setdefault("Tags", [{"TagKey": "old", "TagValue": "1"}])
        made = self.world.made("CreateKey", **options)["KeyMetadata"]["Arn"]
        self.keys.append(made)
        return made

    @staticmethod
    def arn(name):
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:{name}"

    def ask(self, who, row, **instead):
        """The answer to `who`, with other resources in the request if `instead` tells which for which."""
        text = json.dumps(row.request(self))
        for this, that in instead.get("swap", {}).items():
            text = text.replace(this, that)
        return self.world.kms(who, row.operation, json.loads(text))

    def state(self):
        """All that there is, as root sees it."""
        ask = lambda operation, **request: self.world.kms(self.world.root, operation, request).told()
        account = [ask("ListKeys", Limit=1000), ask("ListAliases", Limit=100), ask("DescribeCustomKeyStores")]
        return account + [ask(view, KeyId=made) for made in self.keys for view in VIEWS]

    key = cached_property(lambda self: self.fresh())
    second = cached_property(lambda self: self.fresh())
    multi = cached_property(lambda self: self.fresh(MultiRegion=True))
    external = cached_property(lambda self: self.fresh(Origin="EXTERNAL"))
    hmac = cached_property(lambda self: self.fresh(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"))
    signing = cached_property(lambda self: self.fresh(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"))
    agreement = cached_property(lambda self: self.fresh(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT"))
    new_alias = cached_property(lambda self: "alias/new-" + self.name)
    ciphertext = cached_property(lambda self: self.world.made("Encrypt", KeyId=self.key, Plaintext=b64(b"secret"))["CiphertextBlob"])
    public_key = cached_property(lambda self: self.world.made("GetPublicKey", KeyId=self.agreement)["PublicKey"])
    signature = cached_property(lambda self: self.world.made("Sign", KeyId=self.signing, **MESSAGE)["Signature"])
    mac = cached_property(lambda self: self.world.made("GenerateMac", KeyId=self.hmac, **MAC)["Mac"])
    brought = cached_property(lambda self: self.world.made("GetParametersForImport", KeyId=self.external, **WRAPPING))

    @cached_property
    def alias(self):
        name = "alias/old-" + self.name
        self.world.made("CreateAlias", AliasName=name, TargetKeyId=self.key)
        return name

    @cached_property
    def grant(self):
        return self.world.made("CreateGrant", KeyId=self.key, GranteePrincipal=self.world.user_arn, Operations=["Encrypt"])["GrantId"]

    @cached_property
    def disabled(self):
        made = self.fresh()
        self.world.made("DisableKey", KeyId=made)
        return made

    @cached_property
    def deleting(self):
        made = self.fresh()
        self.world.made("ScheduleKeyDeletion", KeyId=made, PendingWindowInDays=7)
        return made

    @cached_property
    def material(self):
        public = serialization.load_der_public_key(base64.b64decode(self.brought["PublicKey"]))
        return b64(public.encrypt(secrets.token_bytes(32), padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)))

    @property
    def policy(self):
        everything = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Id": "new", "Statement": [everything]})
