"""The environment: strict, loud, hardened under HTTPS."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import botocore
import pytest

from tests.marketplace.site import ROOT, Site


def django(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_missing_for_a_site_on_https(site: Site) -> None:
    environment = site.environment | {"MARKETPLACE_URL": "https://crowd.example.org", "MARKETPLACE_FAULTS": "false"}
    result = django(environment, "check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MARKETPLACE_SECRET_KEY", None, "MARKETPLACE_SECRET_KEY"),
        ("MARKETPLACE_DATABASE_URL", None, "MARKETPLACE_DATABASE_URL"),
        ("MARKETPLACE_URL", None, "MARKETPLACE_URL"),
        ("MARKETPLACE_URL", "crowd.example.org", "must be an origin"),
        ("MARKETPLACE_URL", "https://crowd.example.org/site", "must be an origin"),
        ("MARKETPLACE_FAULTS", "perhaps", "MARKETPLACE_FAULTS"),
    ],
)
def test_a_wrong_environment_is_refused_by_name(site: Site, name: str, value: str | None, reason: str) -> None:
    environment = dict(site.environment)
    environment.pop(name)
    if value is not None:
        environment[name] = value
    result = django(environment, "check")
    assert result.returncode != 0
    assert reason in result.stderr


def test_faults_on_a_public_site_are_warned_of(site: Site) -> None:
    result = django(site.environment | {"MARKETPLACE_URL": "https://crowd.example.org"}, "check")
    assert "MARKETPLACE_FAULTS opens a door" in result.stderr


def test_there_is_no_migration_to_make(site: Site) -> None:
    assert "No changes" in django(site.environment, "makemigrations", "marketplace", "--check", "--dry-run").stdout


def test_without_the_service_model_the_check_says_which_botocore_has_it(site: Site, tmp_path: Path) -> None:
    """A later botocore may drop the service; AWS_DATA_PATH can then point to a copy of its folder."""
    package = Path(botocore.__file__).parent
    bare = tmp_path / "botocore"
    shutil.copytree(package, bare, ignore=lambda folder, names: set(names) & {"__pycache__", "data"})
    (bare / "data").mkdir()
    for name in ("endpoints.json", "partitions.json", "sdk-default-configuration.json", "_retry.json"):
        shutil.copy(package / "data" / name, bare / "data" / name)
    environment = site.environment | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    result = django(environment, "check")
    assert result.returncode != 0
    assert "botocore 1.44.5 has it" in result.stderr
    assert "AWS_DATA_PATH" in result.stderr
    copy = tmp_path / "models"
    shutil.copytree(package / "data" / "mturk", copy / "mturk")
    result = django(environment | {"AWS_DATA_PATH": str(copy)}, "check")
    assert result.returncode == 0, result.stderr


def test_the_api_answers_inside_the_network_without_tls_only_under_the_names_given(site: Site) -> None:
    probe = (
        "import django; django.setup()\nfrom django.test import Client\n"
        "for host in ('marketplace:8001', 'elsewhere'):\n"
        "    for path in ('/api', '/worker/work/'):\n"
        "        print(Client(HTTP_HOST=host).post(path).status_code)"
    )
    environment = site.environment | {"MARKETPLACE_URL": "https://crowd.example.org"}
    for hosts, expected in (("marketplace", ["403", "301", "400", "400"]), ("", ["400"] * 4)):
        result = subprocess.run(
            [sys.executable, "-c", probe], env=environment | {"MARKETPLACE_API_HOSTS": hosts}, cwd=ROOT,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert result.stdout.split() == expected


def test_a_connection_has_the_server_plan_a_statement_once(site: Site) -> None:
    asked = (
        "from django.db import connection as c; from annotation.marketplace.models import Hit\n"
        "for n in range(4): Hit.objects.filter(public_id=f'NONE{n}').first()\n"
        "with c.cursor() as cursor:\n"
        "    cursor.execute('SELECT statement FROM pg_prepared_statements')\n"
        "    print([row[0] for row in cursor])"
    )
    result = django(site.environment, "shell", "-v", "0", "-c", asked)
    assert result.stdout.count("marketplace_hit") > 0, result.stdout + result.stderr
