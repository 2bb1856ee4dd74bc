"""What is shipped around the binary: image, service, packages, completions; each installed and run."""

import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest
import yaml
from conftest import ACCESS_KEY, BINARY, ROOT, SECRET_KEY, Gateway

DEPLOY = ROOT / "deploy"


def ran(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=240, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    """The binary without the names that only debuggers read, as a release is."""
    path = tmp_path_factory.mktemp("binary") / "arqueta"
    ran("strip", "--strip-unneeded", "-o", path, BINARY)
    return path


# ---- arqueta health, completions, manual pages

def test_health_tells_by_its_exit_status(start):
    gateway = start()
    address = gateway.admin_url.removeprefix("http://")

    def asked(*options):
        done = subprocess.run([BINARY, "health", "--admin-listen", address, *options], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    assert asked() == (0, "ok\n", "")
    status, said, _ = asked("--ready")
    assert status == 0 and json.loads(said)["write"]["ok"]
    status, said, _ = asked("--ready", "--only", "read,write")
    assert status == 0 and json.loads(said)["ready"]
    status, _, error = asked("--ready", "--only", "everything")
    assert status == 1 and "400" in error and "everything" in error
    # One that listens on all addresses is asked on loopback.
    port = address.rsplit(":", 1)[1]
    assert subprocess.run([BINARY, "health", "--admin-listen", f"0.0.0.0:{port}"], capture_output=True, timeout=60).returncode == 0
    gateway.stop()
    status, _, error = asked()
    assert status == 1 and address in error and len(error.splitlines()) == 1


def test_each_command_and_option_has_its_page_and_its_completion(tmp_path):
    ran(BINARY, "man-pages", tmp_path)
    help_of_all = ran(BINARY, "--help")
    commands = re.findall(r"^  ([a-z-]+) ", help_of_all.split("Commands:")[1].split("Options:")[0], re.M)
    assert {"serve", "keys", "audit", "check", "health"} <= set(commands)
    pages = {path.name for path in tmp_path.iterdir()}
    assert {"arqueta.1"} | {f"arqueta-{command}.1" for command in commands if command != "help"} <= pages
    assert not [page for page in pages if "token-worker" in page or "operations" in page]
    page = (tmp_path / "arqueta-serve.1").read_text().replace("\\-", "-")
    options = re.findall(r"(--[a-z-]+)", ran(BINARY, "serve", "--help"))
    assert len(set(options)) > 10
    for option in options:
        assert option in page, option
    for shell in ("bash", "zsh", "fish"):
        script = ran(BINARY, "completions", shell)
        assert "data-dir" in script and "rewrap" in script, shell
    # Bash itself completes by it.
    (tmp_path / "script").write_text(ran(BINARY, "completions", "bash"))
    asked = ("source ./script; COMP_WORDS=(arqueta keys re); COMP_CWORD=2; _arqueta arqueta re keys; echo ${COMPREPLY[@]}")
    assert ran("bash", "-c", asked, cwd=tmp_path).split() == ["rewrap"]


# ---- image

def instructions():
    """What the last stage of the Containerfile says, by instruction."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    last = text.rsplit("\nFROM ", 1)[1]
    said = {}
    for line in last.splitlines()[1:]:
        if line and not line.startswith("#"):
            word, rest = line.split(" ", 1)
            said.setdefault(word, []).append(rest)
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can go into another file system as another user")
def test_the_image_serves_as_nobody_in_particular_and_knows_its_health(binary, tmp_path):
    rootfs = tmp_path / "rootfs"
    ran(DEPLOY / "rootfs.sh", binary, rootfs)
    said = instructions()
    user = said["USER"][0]
    assert "0" not in user.split(":") and user.split(":")[0] in (rootfs / "etc/passwd").read_text()
    programs = [path for path in rootfs.rglob("*") if path.is_file() and os.access(path, os.X_OK)]
    assert {path.name for path in programs if ".so" not in path.name} == {"arqueta"}, "no shell, nothing else"
    assert not [path for path in rootfs.rglob("*") if path.stat().st_mode & 0o6000]
    for path in rootfs.rglob("*"):
        writable = path.stat().st_uid == int(user.split(":")[0])
        assert writable == (path == rootfs / "data"), path

    environment = dict(pair.split("=", 1) for pair in shlex.split(said["ENV"][0]))
    environment |= {"ARQUETA_ROOT_ACCESS_KEY_ID": ACCESS_KEY, "ARQUETA_ROOT_SECRET_ACCESS_KEY": SECRET_KEY}
    # The image's own ports may be taken here.
    assert environment["ARQUETA_LISTEN"] == ":9000" and said["EXPOSE"] == ["9000"]
    environment |= {"ARQUETA_LISTEN": "127.0.0.1:0", "ARQUETA_ADMIN_LISTEN": "127.0.0.1:0"}
    inside = [shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin"), f"--userspec={user}", rootfs]
    command = json.loads(said["ENTRYPOINT"][0]) + json.loads(said["CMD"][0])
    with subprocess.Popen([*inside, *command], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            serves_from_an_image(process, said, inside, environment)
        finally:
            process.kill()
    assert (rootfs / "data/VERSION").stat().st_uid == int(user.split(":")[0])


def serves_from_an_image(process, said, inside, environment):
    found = {}
    while len(found) < 2:
        line = process.stdout.readline()
        assert line, "it did not start"
        if match := re.match(r"(listening|administration) on http://(\S+)", line):
            found[match[1]] = match[2]
    check = json.loads(said["HEALTHCHECK"][0].split(" CMD ")[1])
    asked = environment | {"ARQUETA_ADMIN_LISTEN": found["administration"]}
    assert ran(*inside, *check, env=asked) == "ok\n"
    s3 = boto3.client("s3", endpoint_url="http://" + found["listening"], aws_access_key_id=ACCESS_KEY,
                      aws_secret_access_key=SECRET_KEY, region_name="us-east-1")
    s3.create_bucket(Bucket="image")
    s3.put_object(Bucket="image", Key="k", Body=b"x" * 100_000)
    assert len(s3.get_object(Bucket="image", Key="k")["Body"].read()) == 100_000
    assert subprocess.run([*inside, *check, "--ready"], env=asked, capture_output=True, timeout=60).returncode == 0
    process.send_signal(getattr(signal, said["STOPSIGNAL"][0]))
    assert process.wait(timeout=60) == 0
    assert subprocess.run([*inside, *check], env=asked, capture_output=True, timeout=60).returncode == 1


def test_compose_gives_one_gateway_nothing_that_it_does_not_need():
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["arqueta"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and not service.get("privileged")
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == DEPLOY / "Containerfile"
    assert [volume.split(":")[1] for volume in service["volumes"]] == json.loads(instructions()["VOLUME"][0])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "who wants more says so"
    # Longer than requests in flight get.
    drain = int(re.search(r"^drain_seconds = (\d+)", (ROOT / "config/arqueta.toml").read_text(), re.M)[1])
    assert int(service["stop_grace_period"].removesuffix("s")) > drain


# ---- chart

def test_the_chart_is_of_this_version_and_asks_for_values_and_options_that_exist():
    chart = DEPLOY / "helm/arqueta"
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    assert yaml.safe_load((chart / "Chart.yaml").read_text())["appVersion"] == version
    values = yaml.safe_load((chart / "values.yaml").read_text())
    templates = "".join(path.read_text() for path in (chart / "templates").iterdir())
    asked = set(re.findall(r"\.Values\.([A-Za-z.]+)", templates))
    for name in asked:
        there = values
        for part in name.split("."):
            assert part in there, name
            there = there[part]
    leaves = {top for top, value in values.items() if not isinstance(value, dict) or not value}
    leaves |= {f"{top}.{name}" for top, value in values.items() if isinstance(value, dict) for name in value}
    assert leaves == asked, "a value that nothing asks for does nothing"
    options = ran(BINARY, "serve", "--help")
    arguments = re.findall(r'"(--[a-z-]+)"', templates)
    assert len(arguments) == 4 and all(argument in options for argument in arguments)
    # The image's user and the chart's are one, and its ports are those that the arguments name.
    user = instructions()["USER"][0].split(":")[0]
    assert re.findall(r"(?:runAsUser|runAsGroup|fsGroup): (\d+)", templates) == [user] * 3
    assert re.findall(r"containerPort: (\d+)", templates) == re.findall(r'"--(?:admin-)?listen", ":(\d+)"', templates)
    drain = int(re.search(r"^drain_seconds = (\d+)", (ROOT / "config/arqueta.toml").read_text(), re.M)[1])
    assert int(re.search(r"terminationGracePeriodSeconds: (\d+)", templates)[1]) > drain


# ---- service of systemd

@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_the_service_is_hardened_and_its_score_is_the_documented_one(tmp_path):
    unit = DEPLOY / "systemd/arqueta.service"
    said = ran("systemd-analyze", "security", "--offline=true", unit)
    score = float(re.search(r"Overall exposure level for arqueta.service: ([0-9.]+)", said)[1])
    assert score <= 1.5, said
    # Other versions of systemd weigh differently.
    if "systemd 252" in ran("systemd-analyze", "--version"):
        assert f"**{score} OK**" in (ROOT / "docs/install.md").read_text()
    # systemd understands every line of it; where the binary would be there is none here.
    (tmp_path / "arqueta.service").write_text(unit.read_text().replace("/usr/bin/arqueta", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "arqueta.service"],
                          capture_output=True, text=True, timeout=60)
    assert "arqueta.service" not in done.stderr, done.stderr


# ---- Debian's package

@pytest.fixture(scope="module")
def deb(tmp_path_factory, binary):
    out = tmp_path_factory.mktemp("deb")
    fast = os.environ | {"DPKG_DEB_COMPRESSOR_TYPE": "gzip", "DPKG_DEB_COMPRESSOR_LEVEL": "1"}
    path = ran(DEPLOY / "deb.sh", binary, out, env=fast).strip()
    assert [str(found) for found in out.iterdir()] == [path]
    return path


def dpkg(root, *words):
    """dpkg on a root that is nobody's system; scripts of packages are told so by DPKG_ROOT."""
    (root / "var/lib/dpkg/updates").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/info").mkdir(exist_ok=True)
    (root / "var/lib/dpkg/status").touch()
    path = os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    return ran("dpkg", f"--root={root}", "--force-not-root", "--force-script-chrootless", "--force-depends", *words, env=path)


@pytest.mark.skipif(os.geteuid() != 0, reason="dpkg gives files to root")
def test_the_package_installs_serves_keeps_settings_and_leaves_data(deb, tmp_path):
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    dpkg(root, "--install", deb)
    status = dpkg(root, "--status", "arqueta")
    assert "Status: install ok installed" in status and "/etc/arqueta/arqueta.toml" in status.split("Conffiles:")[1]
    assert re.search(r"^arqueta:", (root / "etc/passwd").read_text(), re.M)
    assert (root / "usr/lib/systemd/system/arqueta.service").read_text() == (DEPLOY / "systemd/arqueta.service").read_text()
    assert b".TH" in gzip.open(root / "usr/share/man/man1/arqueta-serve.1.gz").read()
    assert "complete -F _arqueta" in (root / "usr/share/bash-completion/completions/arqueta").read_text()
    assert dpkg(root, "--verify", "arqueta") == ""

    # As the unit starts it, but for root's paths and ports.
    settings, data = root / "etc/arqueta/arqueta.toml", root / "var/lib/arqueta"
    unit = (root / "usr/lib/systemd/system/arqueta.service").read_text()
    command = re.search(r"^ExecStart=(.*)", unit, re.M)[1].split()
    assert command == ["/usr/bin/arqueta", "serve", "--config", "/etc/arqueta/arqueta.toml", "--data-dir", "/var/lib/arqueta"]
    process = subprocess.Popen(
        [root / "usr/bin/arqueta", "serve", "--config", settings, "--data-dir", data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, text=True)
    try:
        assert any("listening on" in line for line in process.stdout)
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0

    settings.write_text(settings.read_text() + "# mine\n")
    dpkg(root, "--force-confold", "--install", deb)
    assert settings.read_text().endswith("# mine\n")
    dpkg(root, "--remove", "arqueta")
    assert settings.exists() and not (root / "usr/bin/arqueta").exists()
    dpkg(root, "--purge", "arqueta")
    assert not settings.exists()
    assert (data / "root.key").exists(), "people's data are not the package's to remove"


# ---- Python

@pytest.fixture(scope="module")
def installed(tmp_path_factory, binary):
    """A folder that the wheel is installed into, for this very Python."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = ran(sys.executable, DEPLOY / "python/wheel.py", binary, folder / "dist").strip()
    assert re.search(r"/arqueta-[0-9a-z.]+-py3-none-manylinux_2_\d+_\w+\.whl$", wheel)
    ran(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--target", folder / "site", wheel)
    return folder / "site"


def environment_of(installed):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ARQUETA_", "AWS_", "PYTEST_"))}
    return clean | {"PYTHONPATH": str(installed)}


def test_the_wheel_brings_the_command(installed):
    version = ran(BINARY, "--version")
    assert ran(installed / "bin/arqueta", "--version", env=environment_of(installed)) == version
    assert ran(sys.executable, "-m", "arqueta", "--version", env=environment_of(installed)) == version


def test_the_wheels_fixtures_start_a_gateway_and_the_readmes_example_passes(installed, tmp_path):
    readme = (DEPLOY / "python/README.md").read_text()
    example = re.search(r"```python\n(.*?)```", readme, re.S)[1]
    (tmp_path / "test_example.py").write_text(f"""
import urllib.request
import boto3
import pytest

{example}

@pytest.fixture(scope="session")
def arqueta_options():
    return ("--log", "info")

def test_the_environment_leads_there(arqueta_environment, arqueta):
    assert arqueta_environment is arqueta
    assert [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]] == ["photos"]
    assert boto3.client("sts").get_caller_identity()["Arn"].endswith(":root")
    assert urllib.request.urlopen(arqueta.admin_url + "/readyz").status == 200
""")
    said = ran(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", "--rootdir", tmp_path,
               tmp_path, env=environment_of(installed), cwd=tmp_path)
    assert re.search(r"2 passed", said), said


def test_a_gateway_that_does_not_start_says_why(installed):
    program = "import arqueta\ntry:\n    arqueta.Gateway('--account-id', '12').__enter__()\nexcept RuntimeError as error:\n    print(error)"
    assert "--account-id" in ran(sys.executable, "-c", program, env=environment_of(installed))


def test_a_gateway_may_keep_its_data(installed, tmp_path):
    program = f"""
import arqueta, json, urllib.request
for _ in range(2):
    with arqueta.Gateway(data_dir={str(tmp_path / "data")!r}) as gateway:
        print(gateway.endpoint_url)
"""
    assert len(ran(sys.executable, "-c", program, env=environment_of(installed)).split()) == 2
    assert (tmp_path / "data/root.key").exists()
    gateway = Gateway(tmp_path / "data")
    assert gateway.client("s3").list_buckets()["Buckets"] == []
    gateway.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(gateway.admin_url + "/healthz", timeout=5)
