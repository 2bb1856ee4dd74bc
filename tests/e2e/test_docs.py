"""The documentation as a book: every link leads somewhere, and every command in it does what it says.

Blocks marked `sh` in PAGES are one script a page, run against a gateway of its own; blocks that cannot be run
here (other machines, other programs) are marked `text`. A command whose line ends in `# refused: Code` must
fail with that code. A comment `<!-- run: … -->` is a line of the script that readers do not see.
"""

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ACCESS_KEY, BINARY, ROOT, SECRET_KEY

DOCS = ROOT / "docs"
PAGES = [
    "start.md", "es/empezar.md", "first-user.md", "lifecycle.md", "notifications.md", "replication.md", "upgrading.md", "from-minio.md",
    "how-to/bucket-keys.md", "how-to/cross-account.md", "how-to/separation-of-duties.md", "how-to/own-key-material.md",
    "how-to/hsm.md", "how-to/audit.md", "how-to/access-review.md", "how-to/back-up.md", "how-to/diff.md", "monitoring.md",
]

PRELUDE = r"""
set -euo pipefail
# Starts the gateway of this page, again with other options where one runs.
gateway() {
  stop
  exec 3< <(exec env ARQUETA_ROOT_ACCESS_KEY_ID="$ROOT_ID" ARQUETA_ROOT_SECRET_ACCESS_KEY="$ROOT_SECRET" \
    arqueta serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 "$@" 2>> stderr)
  running=$!
  local line
  while read -r line <&3; do
    case $line in
      "listening on "*) export AWS_ENDPOINT_URL=${line#listening on } ;;
      "administration on "*)
        # Commands find the port that is 9001 everywhere else.
        export ADMIN=${line#administration on http://} ARQUETA_CONFIG=$HOME/arqueta.toml
        echo "admin_listen = \"$ADMIN\"" > "$ARQUETA_CONFIG"
        return ;;
    esac
  done
  cat stderr
  exit 1
}
stop() {
  [ -z "${running:-}" ] || { kill "$running"; wait "$running" || true; }
  running=
}
trap 'status=$?; stop; exit $status' EXIT
# `refused CODE COMMAND…`
refused() {
  local code=$1 said
  shift
  if said=$("$@" 2>&1); then echo "went through: $*"; exit 1; fi
  case $said in *"$code"*) ;; *) echo "$* was refused otherwise: $said"; exit 1 ;; esac
}
"""


def blocks(text):
    """What of a page is run, in its order: shown blocks and hidden lines."""
    for found in re.finditer(r"^```sh\n(.*?)^```$|<!-- run: (.*?) -->", text, re.M | re.S):
        yield found[1] if found[1] is not None else html.unescape(found[2]) + "\n"


def script(text):
    whole = "".join(blocks(text))
    # One line of the shell, however many it is written on.
    refusals = re.compile(r"^((?:.*\\\n)*.*?)[ ]+# refused: (\S+)$", re.M)
    return PRELUDE + "gateway\n" + refusals.sub(lambda line: f"refused {line[2]} {line[1]}", whole)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_does_what_it_says(page, tmp_path):
    program = script((DOCS / page).read_text())
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "script").write_text(program)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "arqueta").symlink_to(BINARY)
    (tmp_path / "config").write_text("[default]\ns3 =\n    signature_version = s3v4\n    addressing_style = path\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ARQUETA_", "AWS_"))}
    environment = clean | {
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path),
        "ROOT_ID": ACCESS_KEY, "ROOT_SECRET": SECRET_KEY, "ARQUETA_DATA_DIR": str(tmp_path / "data"),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    done = subprocess.run(["bash", "-x", "../script"], cwd=work, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, (done.stdout + "\n".join(done.stderr.splitlines()[-25:]))


def test_pages_with_commands_are_run_or_say_why_not():
    """Blocks of these pages need hours, releases or several machines."""
    apart = {"bench.md", "kms.md", "quota.md"}
    with_commands = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if "\n```sh\n" in path.read_text()}
    assert with_commands - apart <= set(PAGES)
    for page in PAGES:
        assert list(blocks((DOCS / page).read_text())), page


def test_a_command_that_goes_through_and_should_not_fails_the_page(tmp_path):
    for line, good in (("false  # refused: x", False), ("true  # refused: x", False), ("ls /none \\\n  /none  # refused: /none", True)):
        program = script(f"```sh\n{line}\n```\n").replace("\ngateway\n", "\n")
        done = subprocess.run(["bash", "-c", program], capture_output=True, cwd=tmp_path, timeout=60)
        assert (done.returncode == 0) is good, (line, done)


# ---- links

def anchors(text):
    """Ids of a page's headings, as GitHub and mdBook make them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M):
        plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def links(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("page", sorted(str(path.relative_to(ROOT)) for path in
                                        [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "deploy").rglob("*.md")]))
def test_every_link_leads_somewhere(page):
    path = ROOT / page
    for link in links(path):
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), link
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there.read_text()), link


def test_every_page_has_its_place_in_the_book():
    listed = [link for link in links(DOCS / "SUMMARY.md")]
    assert len(listed) == len(set(listed))
    every = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} - {"SUMMARY.md"}
    assert set(listed) == every


@pytest.mark.skipif(not shutil.which("mdbook", path=str(Path(sys.executable).parent)), reason="no mdbook here; tests/requirements.txt brings it")
def test_the_book_is_built_and_its_links_hold(tmp_path):
    tool = shutil.which("mdbook", path=str(Path(sys.executable).parent))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([tool, "build", str(DOCS), "--dest-dir", str(tmp_path / "book")], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0 and "WARN" not in done.stderr and "ERROR" not in done.stderr, done.stderr
    book = tmp_path / "book"
    assert "Arqueta" in (book / "index.html").read_text() and list(book.glob("searcher*.js"))
    for path in book.rglob("*.html"):
        if path.name in ("print.html", "404.html", "toc.html"):
            continue
        page = path.read_text()
        body = page[page.index("<main>"):page.index("</main>")]
        for link in re.findall(r'(?:href|src)="([^"]+)"', body):
            if re.match(r"[a-z]+:", link):
                # What is not of the book is where the sources are.
                assert not link.startswith("https://github.com/arqueta/arqueta/blob/main/") or (ROOT / link.split("/blob/main/")[1].split("#")[0]).exists(), link
                continue
            target = link.split("#")[0]
            assert not target or (path.parent / target).resolve().exists(), (path.name, link)
