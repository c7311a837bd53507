"""docker-compose.yml against the settings it configures: without an engine here, its names are what can be checked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from benchmark_site.local.supervisor import site_programs

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "benchmark_site.settings": ROOT / "benchmark_site" / "settings.py",
    "annotation.marketplace.settings": ROOT / "annotation" / "marketplace" / "settings.py",
}
ENVIRONMENT_READ = re.compile(r'env\.\w+\(\s*"([A-Z0-9_]+)"')
COMMON = {"DJANGO_SETTINGS_MODULE", "BENCH_HOME"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def names_read(module: str) -> set[str]:
    return set(ENVIRONMENT_READ.findall(SETTINGS[module].read_text())) | COMMON


def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if service["image"] == "hero-bench"}


def test_the_services_of_the_design_are_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    ours = {"web", "worker", "scorer", "rescorer", "builder", "ingest", "trainer", "beat", "marketplace", "clock"}
    assert {*ours, "nginx"} <= set(services)
    assert services["postgres"]["image"] == "postgres:18"
    assert services["valkey"]["image"].endswith("valkey:9")


def test_every_variable_is_one_that_the_settings_read(compose: dict[str, Any]) -> None:
    for name, service in ours(compose).items():
        environment = set(service["environment"])
        module = service["environment"].get("DJANGO_SETTINGS_MODULE", "benchmark_site.settings")
        shell = {"MTURK_ACCESS_KEY", "MTURK_SECRET"} if name == "marketplace-migrate" else set()
        assert environment - shell <= names_read(module), name


def test_every_variable_that_the_settings_read_reaches_the_programs(compose: dict[str, Any]) -> None:
    """What an operator writes into .env is in force; what has no value there keeps the settings' own default."""
    of_the_image = COMMON | {"MARKETPLACE_STATIC_ROOT"}
    for name, service in ours(compose).items():
        module = service["environment"].get("DJANGO_SETTINGS_MODULE", "benchmark_site.settings")
        assert names_read(module) - of_the_image <= set(service["environment"]), name
    passed_on = {name for name, value in compose["x-platform"]["environment"].items() if value is None}
    assert {"EMAIL_URL", "FROM_EMAIL", "OPEN_SIGNUP", "SECOND_FACTOR", "SUBMISSION_MAX_BYTES"} <= passed_on


def test_every_service_of_ours_has_what_it_needs(compose: dict[str, Any]) -> None:
    for name, service in ours(compose).items():
        module = service["environment"].get("DJANGO_SETTINGS_MODULE", "benchmark_site.settings")
        if module == "benchmark_site.settings":
            needed = {"SITE_URL", "SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL", "MARKETPLACE_URL"}
        else:
            needed = {"MARKETPLACE_URL", "MARKETPLACE_SECRET_KEY", "MARKETPLACE_DATABASE_URL"}
        assert needed <= set(service["environment"]), name


def test_postgres_18_keeps_its_data_where_the_image_puts_it(compose: dict[str, Any]) -> None:
    for name in ("postgres", "marketplace-postgres"):
        volume, target = compose["services"][name]["volumes"][0].split(":")
        assert target == "/var/lib/postgresql"
        assert volume in compose["volumes"]


def test_every_queue_has_a_worker(compose: dict[str, Any]) -> None:
    commands = " ".join(str(service.get("command", "")) for service in compose["services"].values())
    queues = {queue for listed in re.findall(r"-Q ([\w,]+)", commands) for queue in listed.split(",")}
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert queues == routed | {settings.CELERY_TASK_DEFAULT_QUEUE}


def test_nginx_reads_the_clips_that_the_platform_points_to(compose: dict[str, Any]) -> None:
    prefix = compose["services"]["web"]["environment"]["X_ACCEL_PREFIX"]
    media = compose["services"]["web"]["environment"]["MEDIA_ROOT"]
    assert f"location {prefix}/ {{ internal; alias {media}/; }}" in compose["configs"]["nginx"]["content"]


def test_what_takes_long_keeps_no_process_from_anything_else(compose: dict[str, Any]) -> None:
    """Two long scorings on the two processes that sweep would stop sweeps, mail and the crowd's work; two builds, or a
    board that is scored again, would stop all scorings.
    """
    composed = [str(service.get("command", "")) for service in compose["services"].values()]
    supervised = [" ".join(program.command) for program in site_programs()]
    for commands in (composed, supervised):
        queues = [listed for command in commands for listed in re.findall(r"-Q ([\w,]+)", command)]
        assert {"default", "score", "again", "match"} <= set(queues)  # each alone


def test_both_ways_to_run_it_start_the_same_workers(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIND_IN_THE_LOOP", "true")
    composed = [str(service.get("command", "")) for service in compose["services"].values()]
    supervised = [" ".join(program.command) for program in site_programs()]
    told = [
        sorted(one for command in commands for one in re.findall(r"-n (\S+) -Q (\S+) -c (\d) (--.*mingle)", command))
        for commands in (composed, supervised)
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 9
