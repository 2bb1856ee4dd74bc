"""Targets of notifications that are not ours: moto's SQS and SNS, Redis, PostgreSQL, NATS JetStream. Each is
killed and started again in the middle; moto forgets, so it is what lies before it that dies."""

import base64
import concurrent.futures
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from conftest import Gateway, free_port, until
from told import CREATED, listen, settings


class Moto:
    """AWS's SQS and SNS as moto has them; what it keeps dies with it."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=open(folder / "moto.log", "ab"), stderr=subprocess.STDOUT)
        until(self.answers)

    def answers(self):
        try:
            return urllib.request.urlopen(self.url + "/moto-api/", timeout=5).status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name="eu-west-1", aws_access_key_id="AKIAQUEUE",
                            aws_secret_access_key="queue-secret")

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    moto = Moto(tmp_path_factory.mktemp("moto"))
    yield moto
    moto.stop()


def test_a_queue_and_a_topic(tmp_path, moto):
    sqs, sns = moto.client("sqs"), moto.client("sns")
    jobs = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    news = sqs.create_queue(QueueName="news")["QueueUrl"]
    ordered = sqs.create_queue(QueueName="ordered.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    topic = sns.create_topic(Name="news")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=news, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    (tmp_path / "secret").write_text("queue-secret\n")
    of = f'endpoint = "{moto.url}"\nregion = "eu-west-1"\naccess_key_id = "AKIAQUEUE"\nsecret_access_key_file = "{tmp_path / "secret"}"\n'
    text = "".join(f'[notifications.targets.{name}]\nkind = "{kind}"\n{which}\n{of}' for name, kind, which in (
        ("jobs", "sqs", f'queue_url = "{jobs}"'), ("ordered", "sqs", f'queue_url = "{ordered}"'), ("news", "sns", f'topic_arn = "{topic}"')))
    gateway = Gateway(tmp_path / "data", "--config", settings(tmp_path, text))
    try:
        s3 = gateway.client("s3")
        for target in ("jobs", "ordered", "news"):
            s3.create_bucket(Bucket=f"to-{target}")
            listen(s3, f"to-{target}", CREATED, target=target)
            for n in range(12):
                s3.put_object(Bucket=f"to-{target}", Key="ü & <k>", Body=b"x" * (n + 1))

        def heard(queue):
            found = []

            def more():
                for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                    found.append(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                return len(found) >= 12

            until(more)
            return found

        for queue, name in ((jobs, "to-jobs"), (ordered, "to-ordered")):
            records = [record for event in heard(queue) for record in event["Records"]]
            assert {record["s3"]["bucket"]["name"] for record in records} == {name}
            assert [record["s3"]["object"]["size"] for record in records] == list(range(1, 13))
            assert {record["s3"]["object"]["key"] for record in records} == {"%C3%BC+%26+%3Ck%3E"}
        published = heard(news)
        assert {message["Subject"] for message in published} == {"Amazon S3 Notification"}
        sizes = [json.loads(message["Message"])["Records"][0]["s3"]["object"]["size"] for message in published]
        assert sizes == list(range(1, 13))
        assert "queue-secret" not in gateway.stderr_path.read_text()
    finally:
        gateway.stop(signal.SIGKILL)


class Server:
    """A server on a port of its own that is killed and started again."""

    # Whether it hears what it was told twice, and how many rounds over how many keys it hears in a nightly run.
    repeats, nightly = False, (200, 50)

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.prepare()
        self.start()
        self.made()

    def prepare(self):
        pass

    def made(self):
        pass

    def start(self):
        log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        until(self.answers)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Redis(Server):
    kind, repeats = "redis", True

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly", "yes",
                "--appendfsync", "always", "--requirepass", "target-secret", "--save", ""]

    def ask(self, *words):
        answer = subprocess.run(["redis-cli", "-p", str(self.port), "--no-auth-warning", "-a", "target-secret", "--json", *words],
                                capture_output=True, text=True, timeout=30)
        # An error is no JSON: it is loading what it had.
        return json.loads(answer.stdout) if answer.returncode == 0 and answer.stdout.strip()[:5] not in ("", "error") else None

    def answers(self):
        return self.ask("PING") == "PONG"

    def settings(self, secret):
        return f'address = "127.0.0.1:{self.port}"\nstream = "events"\npassword_file = "{secret}"\n'

    def count(self):
        return int(self.ask("XLEN", "events") or 0)

    def heard(self):
        entries = self.ask("XRANGE", "events", "-", "+") or []
        rows = [dict(zip(fields[::2], fields[1::2])) for _, fields in entries]
        return [(row["id"], json.loads(row["record"])) for row in rows]


class Postgresql(Server):
    kind = "postgresql"

    def prepare(self):
        # PostgreSQL refuses to run as root, and its user may not enter the folders of the tests.
        self.own = Path(tempfile.mkdtemp(prefix="arqueta-postgresql-"))
        self.bin = Path(sorted(Path("/usr/lib/postgresql").iterdir())[-1]) / "bin"
        self.become = []
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.own, user.pw_uid, user.pw_gid)
            self.become = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
        (self.own / "password").write_text("target-secret")
        (self.own / "password").chmod(0o644)
        subprocess.run([*self.become, self.bin / "initdb", "-D", self.own / "data", "-U", "teller", "-A", "scram-sha-256",
                        "--pwfile", self.own / "password", "--no-sync"], check=True, capture_output=True)

    def command(self):
        return [*self.become, self.bin / "postgres", "-D", self.own / "data", "-p", str(self.port), "-h", "127.0.0.1",
                "-k", self.own]

    def ask(self, text):
        environment = os.environ | {"PGPASSWORD": "target-secret"}
        return subprocess.run([self.bin / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "teller", "-d", "postgres", "-At",
                               "-c", text], capture_output=True, text=True, timeout=30, env=environment)

    def answers(self):
        return self.ask("SELECT 1").returncode == 0

    def made(self):
        made = self.ask("CREATE TABLE s3_events (id text PRIMARY KEY, event text NOT NULL, bucket text NOT NULL, key text NOT NULL, "
                        "record jsonb NOT NULL, received timestamptz NOT NULL DEFAULT now(), n bigserial)")
        assert made.returncode == 0, made.stderr

    def settings(self, secret):
        return (f'host = "127.0.0.1"\nport = {self.port}\ndatabase = "postgres"\ntable = "s3_events"\nuser = "teller"\n'
                f'password_file = "{secret}"\ntls = false\n')

    def count(self):
        return int(self.ask("SELECT count(*) FROM s3_events").stdout)

    def heard(self):
        rows = self.ask("SELECT json_build_array(id, record) FROM s3_events ORDER BY n").stdout.splitlines()
        return [tuple(json.loads(row)) for row in rows]

    def stop(self):
        # The server's own processes end with it.
        super().stop()
        (self.own / "data/postmaster.pid").unlink(missing_ok=True)

    def gone(self):
        shutil.rmtree(self.own, ignore_errors=True)


class Nats(Server):
    kind = "nats"

    def command(self):
        return ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder / "js"), "--auth", "target-secret"]

    def ask(self, subject, **request):
        return next(self.ask_all([(subject, request)]))

    def ask_all(self, questions):
        """Requests and their answers, in NATS's own protocol."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection, connection.makefile("rwb") as wire:
            options = json.dumps({"verbose": False, "auth_token": "target-secret", "headers": True, "no_responders": True})
            wire.write(f"CONNECT {options}\r\nSUB answers 1\r\n".encode())
            for subject, request in questions:
                body = json.dumps(request).encode() if request else b""
                wire.write(f"PUB {subject} answers {len(body)}\r\n".encode() + body + b"\r\n")
                wire.flush()
                yield self.answer(wire)

    @staticmethod
    def answer(wire):
        while line := wire.readline():
            words = line.split()
            if words and words[0] == b"MSG":
                return json.loads(wire.read(int(words[-1])))
            if words and words[0] in (b"HMSG", b"-ERR"):
                return None
            if words and words[0] == b"PING":
                wire.write(b"PONG\r\n")
                wire.flush()
        return None

    def answers(self):
        try:
            return "error" not in (self.ask("$JS.API.INFO") or {"error": "nobody answers"})
        except OSError:
            return False

    def made(self):
        made = self.ask("$JS.API.STREAM.CREATE.events", name="events", subjects=["s3.>"], storage="file", duplicate_window=900_000_000_000)
        assert "error" not in made, made

    def settings(self, secret):
        return f'url = "nats://127.0.0.1:{self.port}"\nsubject = "s3.events"\npassword_file = "{secret}"\n'

    def count(self):
        return self.ask("$JS.API.STREAM.INFO.events")["state"]["last_seq"]

    def heard(self):
        heard = []
        for answer in self.ask_all([("$JS.API.STREAM.MSG.GET.events", {"seq": seq}) for seq in range(1, self.count() + 1)]):
            headers = base64.b64decode(answer["message"]["hdrs"]).decode()
            id = next(line.split(": ")[1] for line in headers.splitlines() if line.startswith("Nats-Msg-Id"))
            heard.append((id, json.loads(base64.b64decode(answer["message"]["data"]))))
        return heard


class Queue(Server):
    """A queue of moto's, behind a relay: it is cut off in the middle of its requests, and nobody listens then."""

    # moto's requests are ten times as slow as the others'.
    kind, repeats, nightly = "sqs", True, (40, 25)

    def prepare(self):
        self.moto, self.got, self.taken_away, self.ended = Moto(self.folder), [], threading.Lock(), threading.Event()
        self.sqs = self.moto.client("sqs")
        self.url = self.queue()
        # Long queues are slow in moto.
        self.consumer = threading.Thread(target=self.consume, daemon=True)
        self.consumer.start()

    def consume(self):
        while not self.ended.wait(0.1):
            self.count()

    def queue(self):
        return self.sqs.create_queue(QueueName="many.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "600"})["QueueUrl"]

    def start(self):
        self.relay = Relay(self.port, self.moto.port)

    def stop(self):
        self.relay.stop()

    def gone(self):
        self.ended.set()
        self.consumer.join()
        self.moto.stop()

    def settings(self, secret):
        path = self.url.split("/", 3)[3]
        return f'queue_url = "http://127.0.0.1:{self.port}/{path}"\n' + self.account(secret)

    def account(self, secret):
        return (f'endpoint = "http://127.0.0.1:{self.port}"\nregion = "eu-west-1"\naccess_key_id = "AKIAQUEUE"\n'
                f'secret_access_key_file = "{secret}"\n')

    def told(self, body):
        return json.loads(body)

    def count(self):
        with self.taken_away:
            return self.take()

    def take(self):
        """Takes what there is."""
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            self.got += [self.told(message["Body"]) for message in messages]
            self.sqs.delete_message_batch(QueueUrl=self.url, Entries=[
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)])
        return len(self.got)

    def heard(self):
        self.count()
        objects = [(event["Records"][0]["s3"]["object"], event) for event in self.got]
        return [((object["key"], object["sequencer"]), event) for object, event in objects]


class Topic(Queue):
    """A topic of moto's that a queue hears."""

    kind = "sns"

    def queue(self):
        url = self.sqs.create_queue(QueueName="many", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns = self.moto.client("sns")
        self.topic = sns.create_topic(Name="many")["TopicArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        return url

    def settings(self, secret):
        return f'topic_arn = "{self.topic}"\n' + self.account(secret)

    def told(self, body):
        return json.loads(json.loads(body)["Message"])


class Relay:
    """Passes connections on until it dies, and resets those under way then."""

    def __init__(self, port, to):
        self.to, self.open, self.guard = to, set(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            with self.guard:
                self.open |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def stop(self):
        with self.guard:
            ended, self.open = self.open | {self.listener}, set()
        for one in ended:
            # No goodbye: what was under way is lost. The listener may have ended before.
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.mark.parametrize("kind", [Redis, Postgresql, Nats, Queue, Topic])
def test_a_server_that_dies_in_the_middle_hears_everything_in_order(tmp_path, kind):
    """So does the gateway. Nightly it is 10,000 events, 1,000 of moto's."""
    rounds, keys = kind.nightly if os.environ.get("ARQUETA_NIGHTLY") else (18, 5)
    server = kind(tmp_path)
    (tmp_path / "secret").write_text("target-secret\n")
    text = f'[notifications.targets.bus]\nkind = "{kind.kind}"\n' + server.settings(tmp_path / "secret")
    gateway = Gateway(tmp_path / "data", "--config", settings(tmp_path, text))
    try:
        s3 = gateway.client("s3")
        s3.create_bucket(Bucket="many")
        listen(s3, "many", CREATED, target="bus")
        gateway.listen = gateway.url.removeprefix("http://")
        done = [0] * keys
        over = threading.Event()

        def work(key):
            """Until it is acknowledged; what was not may have happened, too."""
            for n in range(rounds):
                while not over.is_set():
                    try:
                        s3.put_object(Bucket="many", Key=f"k {key}", Body=b"x" * n)
                        done[key] += 1
                        break
                    except Exception:
                        time.sleep(0.02)

        with concurrent.futures.ThreadPoolExecutor(keys) as pool:
            running = [pool.submit(work, key) for key in range(keys)]
            try:
                until(lambda: sum(done) >= rounds * keys // 4 and server.count() >= keys, 300)
                server.stop()
                until(lambda: sum(done) >= rounds * keys // 2, 300)
                gateway.restart(signal.SIGKILL)
                server.start()
                until(lambda: sum(done) >= rounds * keys * 3 // 4, 300)
                server.stop()
                server.start()
                for one in running:
                    one.result()
            finally:
                over.set()
        until(lambda: gateway.metrics()['arqueta_notifications_waiting{target="bus"}'] == 0, 300)
        sizes, seen = {}, set()
        for id, event in server.heard():
            assert id not in seen or kind.repeats, "a table and a stream know a repetition"
            if id not in seen:
                seen.add(id)
                object = event["Records"][0]["s3"]["object"]
                sizes.setdefault(object["key"], []).append(object["size"])
        # What was not acknowledged came once more.
        once = {key: list(dict.fromkeys(of)) for key, of in sizes.items()}
        assert once == {f"k+{key}": list(range(rounds)) for key in range(keys)}
        assert {key: sorted(of) for key, of in sizes.items()} == sizes
        assert "target-secret" not in gateway.stderr_path.read_text()
    finally:
        gateway.stop(signal.SIGKILL)
        server.stop()
        getattr(server, "gone", lambda: None)()
