"""Have Chromium for the browser tests: `python -m tests.chromium` installs Debian's package where it may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def find() -> str | None:
    """Path of a Chromium or Chrome of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def main() -> None:
    if find():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing chromium for the browser tests", flush=True)
        quiet = {
            "stdout": subprocess.DEVNULL,
            "check": True,
            "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        }
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], **quiet)
    if find() is None:
        note = "no Chromium here and no right to install it: browser tests will be skipped"
        sys.exit(note) if os.environ.get("CI") == "true" else print(note)


if __name__ == "__main__":
    main()
