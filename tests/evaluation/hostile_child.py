"""Runs evaluation commands under hard limits: one JSON list of arguments a line in, one answer a line out."""

import io
import json
import resource
import sys
import time
from contextlib import redirect_stderr, redirect_stdout

MEMORY_LIMIT = 1 << 30  # bytes of private memory
SECONDS_LIMIT = 30
FILE_LIMIT = 64 << 20


def serve() -> None:
    from evaluation.__main__ import main

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    for line in sys.stdin:
        spent = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (spent + SECONDS_LIMIT, resource.RLIM_INFINITY))
        output, begin = io.StringIO(), time.monotonic()
        with redirect_stdout(output), redirect_stderr(output):
            code = main(json.loads(line))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answer = {"code": code, "seconds": time.monotonic() - begin, "peak": peak, "output": output.getvalue()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
