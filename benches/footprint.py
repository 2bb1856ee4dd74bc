#!/usr/bin/env python3
"""What a gateway costs that nobody uses: time to start, memory, CPU time and wake-ups.

    benches/footprint.py BINARY [--seconds 600] [--data-dir DIR]

starts BINARY on free ports, on a new folder or on DIR, lets it be, and prints one line of JSON. CPU time and
wake-ups are the process's own, whatever else the machine does; the time to start is not.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path


def cpu_seconds(pid):
    """User and system time (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wake_ups(pid):
    """Times that a thread came back from waiting."""
    status = "".join((task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(map(int, re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)))


def resident_mib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def started(process):
    """Reads until the gateway says that it listens on its last port."""
    for line in process.stdout:
        if line.startswith("administration on"):
            return
    raise SystemExit("the gateway did not start")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        process = subprocess.Popen(
            [options.binary, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
             "--data-dir", options.data_dir or f"{folder}/data"], stdout=subprocess.PIPE, text=True)
        try:
            started(process)
            start = time.monotonic() - begun
            # What the start leaves behind is done by then.
            time.sleep(5)
            before, woken = cpu_seconds(process.pid), wake_ups(process.pid)
            time.sleep(options.seconds)
            print(json.dumps({
                "start_ms": round(start * 1000), "resident_mib": round(resident_mib(process.pid), 1),
                "idle_seconds": options.seconds, "cpu_seconds": round(cpu_seconds(process.pid) - before, 2),
                "wake_ups_a_second": round((wake_ups(process.pid) - woken) / options.seconds, 2)}))
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
