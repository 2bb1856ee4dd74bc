"""Accounts of a gateway and who lives in them: users, roles and their sessions."""

import json
import re
import secrets

from conftest import ACCESS_KEY, ACCOUNT, SECRET_KEY

OTHER = "111122223333"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(action, resource="*", **more):
    return allow(action, resource, **more) | {"Effect": "Deny"}


class Account:
    """An account seen by its root user; `who` are the credentials that `Gateway.client` takes."""

    def __init__(self, gateway, number=ACCOUNT, **root):
        self.gateway, self.id = gateway, number
        self.root = root or {"key": ACCESS_KEY, "secret": SECRET_KEY}
        self.iam = gateway.client("iam", **self.root)

    def client(self, service, **who):
        return self.gateway.client(service, **(who or self.root))

    def user(self, *statements, name=None):
        """A fresh user under a policy: ARN and credentials."""
        name = name or "u-" + secrets.token_hex(6)
        arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
        made = self.iam.create_access_key(UserName=name)["AccessKey"]
        return arn, {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}

    def role(self, *statements, name=None, trusts=None):
        """The ARN of a fresh role that `trusts`, by default everyone of the account, may assume."""
        name = name or "r-" + secrets.token_hex(6)
        trust = document({"Effect": "Allow", "Principal": {"AWS": trusts or f"arn:aws:iam::{self.id}:root"}, "Action": "sts:AssumeRole"})
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return arn

    def session(self, role, by, name="session", **options):
        """The credentials of a session of `role` that the user `by` assumes."""
        made = self.gateway.client("sts", **by).assume_role(RoleArn=role, RoleSessionName=name, **options)["Credentials"]
        return {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}


def two_accounts(start, folder):
    """A gateway with a second account, and both."""
    settings = folder / "two-accounts.toml"
    settings.write_text(f'accounts = ["{OTHER}"]\n')
    gateway = start("--config", str(settings))
    banner = "\n".join(gateway.banner)
    key, secret = re.search(rf"account {OTHER}.*?AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)", banner, re.S).groups()
    return gateway, Account(gateway), Account(gateway, OTHER, key=key, secret=secret)


def named(events, key):
    """The events about one KMS key."""
    return [event for event in events if key in (resource["ARN"] for resource in event.get("resources", []))]
