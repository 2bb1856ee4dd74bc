"""Starting, stopping and refusing to start."""

import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from conftest import BINARY, Gateway


def refused(*options, env=None):
    """The one line that a gateway says when it does not start."""
    run = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *options],
                         capture_output=True, text=True, timeout=60, env=env)
    assert run.returncode != 0
    lines = run.stderr.strip().splitlines()
    assert len(lines) == 1, run.stderr
    return lines[0]


def test_credentials_are_created_printed_once_and_work(tmp_path):
    gateway = Gateway(tmp_path / "data", env={"ARQUETA_ROOT_ACCESS_KEY_ID": "", "ARQUETA_ROOT_SECRET_ACCESS_KEY": ""})
    try:
        printed = "\n".join(gateway.banner)
        words = printed.replace("=", " ").split()
        key = words[words.index("AWS_ACCESS_KEY_ID") + 1]
        secret = words[words.index("AWS_SECRET_ACCESS_KEY") + 1]
        assert f"AWS_ENDPOINT_URL={gateway.url}" in printed
        gateway.client("s3", key, secret).create_bucket(Bucket="first")
        gateway.restart()
        assert secret not in "\n".join(gateway.banner)
        names = [b["Name"] for b in gateway.client("s3", key, secret).list_buckets()["Buckets"]]
        assert names == ["first"]
        for path in (tmp_path / "data").rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    finally:
        gateway.stop(signal.SIGKILL)


def test_health_readiness_and_metrics(gateway):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert urllib.request.urlopen(gateway.admin_url + path, timeout=10).status == 200
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(gateway.admin_url + "/nothing", timeout=10)
    assert error.value.code == 404


def test_a_wrong_key_in_the_file_names_key_and_line(tmp_path):
    (tmp_path / "a.toml").write_text('region = "us-east-1"\nregoin = "x"\n')
    line = refused("--config", str(tmp_path / "a.toml"))
    assert "regoin" in line and "line 2" in line


@pytest.mark.parametrize("options, said", [
    (("--region", "Not A Region"), "--region"),
    (("--account-id", "12"), "--account-id"),
    (("--tls-cert", "x.pem"), "--tls-key"),
    (("--config", "/does/not/exist.toml"), "/does/not/exist.toml"),
])
def test_a_bad_value_names_the_option(options, said):
    assert said in refused(*options)


def test_a_busy_port_names_the_address():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        run = subprocess.run([BINARY, "serve", "--listen", address, "--admin-listen", "127.0.0.1:0", "--data-dir", "/tmp/never"],
                             capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and address in run.stderr


def test_an_unusable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused("--data-dir", str(tmp_path / "file"))


def test_two_gateways_do_not_share_a_folder(gateway):
    assert "data" in refused("--data-dir", str(gateway.data))


def test_sigterm_lets_a_request_in_flight_finish(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="drain")
    reading, go_on = threading.Event(), threading.Event()

    class Slow:
        """A body that waits in its middle until the test lets it go on."""
        left = [b"a" * 65536, b"b" * 65536]

        def read(self, size=-1):
            if len(self.left) == 1:
                reading.set()
                go_on.wait(30)
            return self.left.pop(0) if self.left else b""

        def __len__(self):
            return 131072

    import http.client

    from conftest import signed

    headers = signed("PUT", gateway.url + "/drain/object", {"Content-Length": "131072"})
    status = []

    def put():
        connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=60)
        connection.putrequest("PUT", "/drain/object", skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        body = Slow()
        while chunk := body.read():
            connection.send(chunk)
        status.append(connection.getresponse().status)

    thread = threading.Thread(target=put)
    thread.start()
    assert reading.wait(30)
    gateway.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        gateway.process.wait(timeout=0.3)
    go_on.set()
    thread.join(60)
    assert status == [200]
    assert gateway.process.wait(timeout=60) == 0
    gateway.start()
    assert gateway.client("s3").head_object(Bucket="drain", Key="object")["ContentLength"] == 131072
