"""docs/how-to/test-replication.md: the page's code, run as its readers run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import BINARY, ROOT


def test_the_page_catches_who_compares_etags(tmp_path):
    page = (ROOT / "docs/how-to/test-replication.md").read_text()
    settings, application = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    (tmp_path / "conftest.py").write_text(settings)
    (tmp_path / "test_copies.py").write_text(application)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "arqueta").symlink_to(BINARY)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_", "PYTEST_"))}
    environment = clean | {"PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}

    def pytest(*words):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-c", "/dev/null", "--rootdir", str(tmp_path), "test_copies.py", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    done = pytest()
    assert done.returncode == 0 and "3 passed, 1 xfailed" in done.stdout, done.stdout + done.stderr
    # Without its excuse, what compares ETags fails, on the sealed copy and nowhere else.
    done = pytest("--runxfail")
    failed = re.findall(r"^FAILED (\S+::\S+)", done.stdout, re.M)
    assert done.returncode == 1 and failed == ["test_copies.py::test_etags_do_not[SSE-KMS"], done.stdout + done.stderr
