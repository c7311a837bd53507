"""Runs evaluation commands under hard limits: one JSON list of arguments a line in, one answer a line out."""

import io
import json
import resource
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

MEMORY_LIMIT = 1 << 30  # bytes of private memory
SECONDS_LIMIT = 30
FILE_LIMIT = 64 << 20


def serve() -> None:
    from evaluation.cli.main import main

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    for line in sys.stdin:
        spent = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (spent + SECONDS_LIMIT, resource.RLIM_INFINITY))
        output, begin = io.StringIO(), time.monotonic()
        with redirect_stdout(output), redirect_stderr(output):
            code = main(json.loads(line))
        peak = _peak_bytes()
        answer = {"code": code, "seconds": time.monotonic() - begin, "peak": peak, "output": output.getvalue()}
        print(json.dumps(answer), flush=True)


def _peak_bytes() -> int:
    """Largest resident size of this program. Not ru_maxrss, which survives exec and counts the test run's size."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    serve()
