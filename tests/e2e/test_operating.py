"""What who runs a gateway relies on: readiness, signals, limits, proxies, whom the administration port answers."""

import errno
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import BINARY, ROOT, Gateway, refused, signed, until


def asked(gateway, path, host=None):
    """Status and body of a question to the administration port."""
    connection = http.client.HTTPConnection(gateway.admin_url.removeprefix("http://"), timeout=30)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def dialled(gateway):
    host, port = gateway.url.removeprefix("http://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=30)


def test_readiness_tells_what_works(gateway):
    status, body = asked(gateway, "/readyz")
    report = json.loads(body)
    assert status == 200 and report["ready"]
    for part in ("serving", "read", "write", "record", "keyService", "connections"):
        assert report[part]["ok"], part
    assert 0 < report["disk"]["free"] <= report["disk"]["total"]
    assert asked(gateway, "/readyz?only=read,write")[0] == 200
    assert asked(gateway, "/readyz?only=everything")[0] == 400


def test_the_administration_port_answers_to_its_own_names_only(start):
    gateway = start("--admin-host", "metrics.example.com")
    for path in ("/metrics", "/readyz", "/audit/head", "/keys/none/usage"):
        assert asked(gateway, path, "rebound.example.com")[0] == 421
    for host in ("127.0.0.1", "localhost:9001", "metrics.example.com", None):
        assert asked(gateway, "/healthz", host)[0] == 200


def test_idle_connections_keep_nobody_out(start, tmp_path):
    settings = tmp_path / "a.toml"
    settings.write_text("[limits]\nconnections = 8\nconnections_per_address = 8\n")
    gateway = start("--config", str(settings))
    squatters = [dialled(gateway) for _ in range(8)]
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    for squatter in squatters[4:]:
        squatter.sendall(preface)
    for squatter in squatters[:4]:
        # One request, and nothing more for ever.
        squatter.sendall(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
        assert squatter.recv(8).startswith(b"HTTP/1.1")
    gateway.client("s3").create_bucket(Bucket="room")
    assert gateway.metrics()["arqueta_connections_displaced_total"] >= 1
    for squatter in squatters:
        squatter.close()


def test_an_address_gets_no_more_than_its_share(start, tmp_path):
    settings = tmp_path / "a.toml"
    settings.write_text("[limits]\nconnections = 8\nconnections_per_address = 2\n")
    gateway = start("--config", str(settings))
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="share")
    # Two uploads under way, whose clients have stopped half way.
    headers = signed("PUT", gateway.url + "/share/k", {"Content-Length": "10", "Expect": "100-continue"})
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host = gateway.url.removeprefix("http://")
    busy = []
    for _ in range(2):
        connection = dialled(gateway)
        connection.sendall(f"PUT /share/k HTTP/1.1\r\nHost: {host}\r\n{text}\r\n".encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 100")
        busy.append(connection)
    third = dialled(gateway)
    with pytest.raises(ConnectionError):
        third.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        if third.recv(1) == b"":
            raise ConnectionResetError
    assert gateway.metrics()["arqueta_connections_refused_total"] == 1
    busy.pop().close()
    until(lambda: json.loads(asked(gateway, "/readyz")[1])["connections"]["open"] < 2)
    assert s3.list_buckets()["Buckets"][0]["Name"] == "share"


def test_without_a_free_place_the_gateway_is_not_ready(start, tmp_path):
    settings = tmp_path / "a.toml"
    settings.write_text("[limits]\nconnections = 1\n")
    gateway = start("--config", str(settings))
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="full")
    s3.close()
    headers = signed("PUT", gateway.url + "/full/k", {"Content-Length": "1", "Expect": "100-continue"})
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection = dialled(gateway)
    connection.sendall(f"PUT /full/k HTTP/1.1\r\nHost: {gateway.url.removeprefix('http://')}\r\n{text}\r\n".encode())
    assert connection.recv(64).startswith(b"HTTP/1.1 100")
    status, body = asked(gateway, "/readyz")
    assert status == 503 and "all 1 connections" in json.loads(body)["connections"]["reason"]
    assert asked(gateway, "/readyz?only=read,write,record")[0] == 200
    connection.sendall(b"x")
    assert b"HTTP/1.1 200" in connection.recv(64)
    until(lambda: asked(gateway, "/readyz")[0] == 200)


def address_of(gateway, name):
    return until(lambda: gateway.events(name))[-1]["sourceIPAddress"]


def test_trusted_proxies_tell_the_client_and_nobody_else_does(start, tmp_path):
    settings = tmp_path / "a.toml"
    settings.write_text('[proxies]\ntrusted = ["127.0.0.0/8"]\n')
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    seen = {}
    for name, options in (("believed", ("--config", str(settings))), ("unbelieved", ())):
        gateway = start(*options)
        request = urllib.request.Request(gateway.url + "/" + name, method="PUT")
        for header, value in (signed("PUT", request.full_url) | forwarded).items():
            request.add_header(header, value)
        assert urllib.request.urlopen(request, timeout=30).status == 200
        seen[name] = address_of(gateway, "CreateBucket")
        # aws:SourceIp sees the same.
        iam = gateway.client("iam")
        iam.create_user(UserName="u")
        allowed = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*",
             "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}]}
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps(allowed))
        pair = iam.create_access_key(UserName="u")["AccessKey"]
        request = urllib.request.Request(gateway.url + "/")
        of_user = signed("GET", request.full_url, key=pair["AccessKeyId"], secret=pair["SecretAccessKey"])
        for header, value in (of_user | forwarded).items():
            request.add_header(header, value)
        if name == "believed":
            assert urllib.request.urlopen(request, timeout=30).status == 200
        else:
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request, timeout=30)
            assert error.value.code == 403
    assert seen == {"believed": "203.0.113.9", "unbelieved": "127.0.0.1"}


def test_ipv4_clients_of_an_ipv6_listener_are_ipv4_in_the_record(tmp_path):
    gateway = Gateway(tmp_path / "data", listen="[::]:0")
    try:
        gateway.url = re.sub(r"\[::\]", "127.0.0.1", gateway.url)
        gateway.client("s3").create_bucket(Bucket="mapped")
        assert address_of(gateway, "CreateBucket") == "127.0.0.1"
    finally:
        gateway.stop(signal.SIGKILL)


def test_sigterm_at_the_moment_of_readiness_stops_in_order(tmp_path):
    assert Gateway(tmp_path / "data").stop() == 0


def test_signals_are_heard_before_anything_is_opened(tmp_path):
    # The start waits for its certificate, whose writer never comes: nothing was opened or told yet.
    certificate = tmp_path / "cert.pem"
    os.mkfifo(certificate)
    process = subprocess.Popen(
        [BINARY, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"),
         "--tls-cert", str(certificate), "--tls-key", str(certificate)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def waits():
        try:
            return os.open(certificate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno == errno.ENXIO and process.poll() is None
            return None
    try:
        writer = until(waits)
        caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())[1]
        for heard in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            assert int(caught, 16) >> (heard - 1) & 1, heard
        os.close(writer)
    finally:
        process.kill()
        process.wait()


def certificate(folder, name):
    """A certificate of its own for `name`, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", f"/CN={name}"],
                   check=True, capture_output=True)
    return cert, key


def shown_certificate(gateway):
    host, port = gateway.url.removeprefix("https://").rsplit(":", 1)
    return ssl.get_server_certificate((host, int(port)))


def test_sighup_reads_certificates_and_configuration_again(start, tmp_path):
    cert, key = certificate(tmp_path, "first")
    settings = tmp_path / "a.toml"
    settings.write_text("")
    gateway = start("--config", str(settings), "--tls-cert", str(cert), "--tls-key", str(key))
    first = shown_certificate(gateway)
    certificate(tmp_path, "second")
    settings.write_text('admin_hosts = ["new.example.com"]\n')
    assert asked(gateway, "/healthz", "new.example.com")[0] == 421
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: asked(gateway, "/healthz", "new.example.com")[0] == 200)
    assert shown_certificate(gateway) != first
    # What is wrong changes nothing, and says so.
    settings.write_text("regoin = 1\n")
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: "regoin" in gateway.stderr_path.read_text())
    assert asked(gateway, "/healthz", "new.example.com")[0] == 200
    assert gateway.process.poll() is None


def test_a_newer_data_folder_is_refused_by_name(start, tmp_path):
    gateway = start(data=tmp_path / "data")
    gateway.stop()
    version = tmp_path / "data" / "VERSION"
    number = int(version.read_text().split()[-1])
    version.write_text(version.read_text().replace(str(number), str(number + 1)))
    for command in (["serve", "--listen", "0", "--admin-listen", "0"], ["accounts", "list"], ["keys", "list"]):
        run = subprocess.run([BINARY, *command, "--data-dir", str(tmp_path / "data")],
                             capture_output=True, text=True, timeout=60)
        assert run.returncode != 0
        assert str(tmp_path / "data") in run.stderr and f"format {number + 1}" in run.stderr, run.stderr
    version.write_text(version.read_text().replace(str(number + 1), str(number)))
    gateway.start()


def shown_metrics(gateway):
    """Names and kinds that the gateway shows."""
    text = urllib.request.urlopen(gateway.admin_url + "/metrics", timeout=10).read().decode()
    return dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE ")), text


def test_the_documented_metrics_are_those_that_are_shown(gateway, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    documented = {}
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        if match := re.match(r"\| `(\w+)` \| (\w+) \|", line):
            documented[match[1]] = match[2]
    shown, text = shown_metrics(gateway)
    # Where the tests do not run as root, the gateway cannot count its files.
    shown.setdefault("process_open_fds", "gauge")
    assert shown == documented
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1


def test_requests_are_counted_by_operation_and_bytes(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="counted")
    before = gateway.metrics()
    s3.put_object(Bucket="counted", Key="k", Body=b"x" * 5000)
    s3.get_object(Bucket="counted", Key="k")["Body"].read()
    gateway.client("kms").list_keys()
    refused(s3.get_object, Bucket="counted", Key="none")
    until(lambda: gateway.metrics()['arqueta_http_requests_in_flight{api="s3"}'] == 0)
    after = gateway.metrics()

    def grown(name):
        return after.get(name, 0) - before.get(name, 0)

    for operation, status, api in (("PutObject", 200, "s3"), ("GetObject", 200, "s3"), ("GetObject", 404, "s3"), ("ListKeys", 200, "aws")):
        assert grown(f'arqueta_http_requests_total{{api="{api}",operation="{operation}",status="{status}"}}') == 1, operation
    # Both of GetObject, the refused one too; the buckets of one operation add up.
    assert grown('arqueta_http_operation_seconds_count{api="s3",operation="GetObject"}') == 2
    assert after['arqueta_http_operation_seconds_bucket{le="+Inf",api="s3",operation="GetObject"}'] == 2
    assert 0 < after["arqueta_metadata_bytes"] < after["arqueta_disk_total_bytes"]
    assert 5000 <= grown('arqueta_http_received_bytes_total{api="s3"}') < 6000
    assert 5000 <= grown('arqueta_http_sent_bytes_total{api="s3"}') < 6000
    # Who goes away in the middle of a request is under way no more.
    headers = signed("PUT", gateway.url + "/counted/k", {"Content-Length": "1", "Expect": "100-continue"})
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection = dialled(gateway)
    connection.sendall(f"PUT /counted/k HTTP/1.1\r\nHost: {gateway.url.removeprefix('http://')}\r\n{text}\r\n".encode())
    assert connection.recv(64).startswith(b"HTTP/1.1 100")
    assert gateway.metrics()['arqueta_http_requests_in_flight{api="s3"}'] == 1
    connection.close()
    until(lambda: gateway.metrics()['arqueta_http_requests_in_flight{api="s3"}'] == 0)
    assert 0 < after["arqueta_disk_free_bytes"] <= after["arqueta_disk_total_bytes"]
    # What does not exist adds no series, however it is called.
    for name in ("Guess1", "Guess2"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(urllib.request.Request(
                gateway.url, data=b"{}", headers={"X-Amz-Target": "TrentService." + name}), timeout=10)
    assert not [name for name in gateway.metrics() if "Guess" in name]


def test_each_request_is_a_line_of_the_request_log(start, tmp_path):
    log, settings = tmp_path / "requests.jsonl", tmp_path / "a.toml"
    settings.write_text("[request_log]\nkeys = true\n")
    gateway = start("--config", str(settings), "--request-log", str(log))
    s3, lines = gateway.client("s3"), lambda: [json.loads(line) for line in log.read_text().splitlines()]
    s3.create_bucket(Bucket="logged")
    request_id = s3.put_object(Bucket="logged", Key="a key", Body=b"12345")["ResponseMetadata"]["RequestId"]
    s3.get_object(Bucket="logged", Key="a key")["Body"].read()
    refused(s3.get_object, Bucket="logged", Key="none")
    gateway.client("kms").list_keys()
    refused(gateway.client("s3", secret="wrong").list_buckets)
    until(lambda: len(lines()) == 6)
    created, put, got, missing, keys, unknown = lines()
    root = "arn:aws:iam::000000000000:root"
    assert created["operation"] == "CreateBucket" and created["bucket"] == "logged" and "key" not in created
    assert (put["id"], put["who"], put["key"], put["status"]) == (request_id, root, "a key", 200)
    assert (got["operation"], got["bytes_out"], got["source"]) == ("GetObject", 5, "127.0.0.1")
    assert (missing["status"], missing["code"]) == (404, "NoSuchKey")
    assert (keys["api"], keys["operation"], keys["who"]) == ("aws", "ListKeys", root)
    # A name that is only claimed is not told.
    assert unknown["code"] == "SignatureDoesNotMatch" and "who" not in unknown
    # Moved away and told so, it goes on in a new file.
    log.rename(tmp_path / "old.jsonl")
    gateway.process.send_signal(signal.SIGHUP)
    until(log.exists)
    s3.list_buckets()
    until(lambda: [line["operation"] for line in lines()] == ["ListBuckets"])


def test_what_is_not_served_is_no_error_of_the_gateway(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="quiet")
    assert refused(s3.put_bucket_metrics_configuration, Bucket="quiet", Id="m", MetricsConfiguration={"Id": "m"})[0] == 501
    gateway.stop()
    assert "ERROR" not in gateway.stderr_path.read_text()


@pytest.mark.parametrize("written, listens", [("9", "127.0.0.1:9"), (":9", "0.0.0.0:9"), ("localhost:9", "127.0.0.1:9")])
def test_addresses_are_taken_as_people_write_them(written, listens, tmp_path):
    # The port is taken, so that the line which says so tells the address that was meant.
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("0.0.0.0", 0))
        held.listen()
        port = str(held.getsockname()[1])
        run = subprocess.run([BINARY, "serve", "--data-dir", str(tmp_path / "data"), "--admin-listen", "127.0.0.1:0",
                              "--listen", written.replace("9", port)], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and listens.replace(":9", ":" + port) in run.stderr, run.stderr


def test_what_is_mistyped_is_told_with_what_was_meant(tmp_path):
    for options, env, said in [
        (["--listen", "127.0.0.1"], {}, "such as 127.0.0.1:9000"),
        ([], {"ARQUETA_LISTN": "127.0.0.1:0"}, "did you mean ARQUETA_LISTEN"),
        ([], {"ARQUETA_ROOT_ACCES_KEY_ID": "x"}, "did you mean ARQUETA_ROOT_ACCESS_KEY_ID"),
    ]:
        run = subprocess.run([BINARY, "serve", "--data-dir", str(tmp_path / "data"), *options],
                             capture_output=True, text=True, timeout=60, env=dict(os.environ, **env))
        assert run.returncode != 0 and said in run.stderr, run.stderr
    helped = subprocess.run([BINARY, "--help"], capture_output=True, text=True, timeout=60).stdout
    assert "S3" in helped and "sealed under your own keys" in helped and "arqueta serve" in helped


def test_a_host_that_nobody_serves_is_told_once(start):
    gateway = start()
    for path in ("/key", "/other"):
        request = urllib.request.Request(gateway.url + path, headers={"Host": "photos.nas:9000"})
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=30)
        assert error.value.code in (403, 404)
    gateway.client("s3").create_bucket(Bucket="known")
    signed_for = signed("GET", gateway.url.replace("127.0.0.1", "photos.nas") + "/nothing/key")
    for _ in range(2):
        connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=30)
        host = gateway.url.removeprefix("http://").replace("127.0.0.1", "photos.nas")
        connection.request("GET", "/nothing/key", headers={"Host": host} | signed_for)
        assert connection.getresponse().status == 404
    gateway.stop()
    said = [line for line in gateway.stderr_path.read_text().splitlines() if "photos" in line]
    assert len(said) == 1 and "--domain nas" in said[0] and "path style" in said[0], said


@pytest.mark.parametrize("service, call", [
    ("dynamodb", "list_tables"), ("sqs", "list_queues"), ("secretsmanager", "list_secrets"),
    ("sns", "list_topics"), ("ec2", "describe_regions"), ("cloudformation", "list_stacks"),
])
def test_calls_of_other_services_are_told_which_there_are(gateway, service, call):
    status, code, message = refused(getattr(gateway.client(service), call))
    assert status == 400 and code in ("UnknownOperationException", "InvalidAction"), (status, code)
    assert message == f"There is no service {service} here; this endpoint has S3, KMS, IAM, STS and CloudTrail."


@pytest.mark.parametrize("words", [("verify",), ("tail",), ("search",), ("prune", "--before", "2026-01-01")])
def test_a_folder_without_a_record_is_called_no_data_folder(tmp_path, words):
    for folder in (tmp_path / "missing", tmp_path):
        done = subprocess.run([BINARY, "audit", *words, "--data-dir", str(folder)], capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and done.stderr == f"arqueta: {folder} is no data folder of a gateway\n", done
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("page", ["operating.md", "threats.md"])
def test_what_the_page_names_is_there(page):
    named = re.findall(r"\[(\w+)\]\(\.\./([^)]+\.(?:rs|py))\)", (ROOT / "docs" / page).read_text())
    assert len(named) > 25
    for test, path in named:
        assert re.search(rf"\b(fn|def) {test}\(", (ROOT / path).read_text()), (test, path)
