"""Production settings and migrations of both sites: `python -m tests.deployment`, a part of `make test`.

Neither check asks the database, so none is started and the addresses below lead nowhere.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile

PRODUCTION = {
    "SITE_URL": "https://bench.example.org",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "DATABASE_URL": "postgresql://nobody:x@127.0.0.1:9/bench",
    "CELERY_BROKER_URL": "redis://127.0.0.1:9/0",
    "MARKETPLACE_URL": "https://crowd.example.org",
    "MARKETPLACE_SECRET_KEY": secrets.token_urlsafe(50),
    "MARKETPLACE_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:9/marketplace",
    "MTURK_ACCESS_KEY": "KEY",
    "MTURK_SECRET": "secret",
}
CHECKS = (["check", "--deploy", "--fail-level", "WARNING"], ["makemigrations", "--check", "--dry-run"])


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        for settings in ("benchmark_site.settings", "annotation.marketplace.settings"):
            environment = {**os.environ, **PRODUCTION, "BENCH_HOME": home, "DJANGO_SETTINGS_MODULE": settings}
            for check in CHECKS:
                print(f"{settings}: manage.py {' '.join(check)}", flush=True)
                command = [sys.executable, "-W", "ignore::RuntimeWarning", "manage.py", *check]
                result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                if result.returncode != 0:
                    sys.exit(result.stdout + result.stderr)


if __name__ == "__main__":
    main()
