#!/usr/bin/env python3
"""Packs a built binary into a Python wheel, with a pytest fixture that starts it.

    deploy/python/wheel.py BINARY FOLDER

prints the wheel's path. `pip install` of it brings the command `arqueta`, the module of that name and the
fixtures of arqueta/fixtures.py. Needs nothing but Python.
"""

import base64
import csv
import hashlib
import io
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUMMARY = "An S3 endpoint that keeps every object sealed, with AWS's KMS, STS, IAM and CloudTrail, for tests and for real"


def metadata(version):
    head = (f"Metadata-Version: 2.1\nName: arqueta\nVersion: {version}\nSummary: {SUMMARY}\n"
            "License: Apache-2.0\nHome-page: https://github.com/arqueta/arqueta\nRequires-Python: >=3.9\n"
            "Classifier: Framework :: Pytest\nClassifier: License :: OSI Approved :: Apache Software License\n"
            "Description-Content-Type: text/markdown\n\n")
    return head + (HERE / "README.md").read_text()


def tag(binary):
    """The platforms that a binary runs on, by the newest glibc whose symbols it uses (PEP 600)."""
    newest = max(int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", binary))
    return f"py3-none-manylinux_2_{newest}_{platform.machine()}"


def pep440(version):
    """1.0.0-rc.1 is 1.0.0rc1 there."""
    return re.sub(r"-(a|b|rc)[a-z]*\.?(\d+)$", r"\1\2", version)


def main(binary, folder):
    said = subprocess.run([binary, "--version"], capture_output=True, check=True, text=True).stdout
    version = pep440(said.split()[1])
    content = Path(binary).read_bytes()
    info = f"arqueta-{version}.dist-info"
    files = [(f"arqueta/{path.name}", path.read_bytes(), 0o644) for path in sorted((HERE / "arqueta").glob("*.py"))]
    files += [
        ("arqueta/bin/arqueta", content, 0o755),
        (f"{info}/METADATA", metadata(version).encode(), 0o644),
        (f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: arqueta\nRoot-Is-Purelib: false\nTag: {tag(content)}\n".encode(), 0o644),
        (f"{info}/entry_points.txt",
         b"[console_scripts]\narqueta = arqueta:main\n\n[pytest11]\narqueta = arqueta.fixtures\n", 0o644),
        (f"{info}/LICENSE", (HERE.parents[1] / "LICENSE").read_bytes(), 0o644),
    ]
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for name, data, _ in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.writerow([name, f"sha256={digest}", len(data)])
    rows.writerow([f"{info}/RECORD", "", ""])
    files.append((f"{info}/RECORD", record.getvalue().encode(), 0o644))

    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / f"arqueta-{version}-{tag(content)}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as wheel:
        for name, data, mode in files:
            # The same bytes from the same binary, whenever it is packed.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
    print(path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
