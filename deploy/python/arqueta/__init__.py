"""Arqueta's program, and a gateway as a context manager.

    with arqueta.Gateway() as gateway:
        s3 = gateway.client("s3")
"""

import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

BINARY = Path(__file__).resolve().parent / "bin" / "arqueta"


def main():
    """The command `arqueta`: becomes the program."""
    os.execv(BINARY, ["arqueta", *sys.argv[1:]])


class Gateway:
    """A gateway on free ports of this machine. Its data go with it, unless `data_dir` names a folder."""

    def __init__(self, *options, data_dir=None, region="us-east-1"):
        self.options = options
        self.region = region
        self.data_dir = data_dir
        self.access_key_id = "AKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
        self.secret_access_key = secrets.token_urlsafe(30)
        self.endpoint_url = self.admin_url = self.process = self._folder = self._log = None

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="arqueta-")
        self._log = Path(self._folder.name) / "log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ARQUETA_", "AWS_"))}
        environment["ARQUETA_ROOT_ACCESS_KEY_ID"] = self.access_key_id
        environment["ARQUETA_ROOT_SECRET_ACCESS_KEY"] = self.secret_access_key
        data = self.data_dir or Path(self._folder.name) / "data"
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", str(data),
                 "--region", self.region, *self.options],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, env=environment, text=True)
        for line in self.process.stdout:
            if found := re.match(r"listening on (\S+)", line):
                self.endpoint_url = found[1]
            if found := re.match(r"administration on (\S+)", line):
                self.admin_url = found[1]
                # What is written later must not fill the pipe.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return self
        said = self._log.read_text().strip()
        self.__exit__()
        raise RuntimeError(f"arqueta did not start: {said}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._folder.cleanup()

    def environment(self):
        """What AWS's SDKs and command line need to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url, "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key, "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region, "AWS_EC2_METADATA_DISABLED": "true"}

    def client(self, service, **options):
        """A client of boto3, which is not a dependency: install it beside."""
        import boto3  # noqa: PLC0415

        return boto3.client(service, **{
            "endpoint_url": self.endpoint_url, "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key, "region_name": self.region} | options)
