"""Files about the project agree: locks, citation, the site, targets of mutation testing, the profile of hypothesis."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.mutants import TARGETS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(lock: str) -> dict[str, Version]:
    rows = [row for row in (ROOT / lock).read_text().splitlines() if not row.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in (row.split("==") for row in rows)}


@pytest.mark.parametrize("extra", [None, *PROJECT["optional-dependencies"]])
def test_a_lock_holds_what_pyproject_asks_for(extra: str | None) -> None:
    """Otherwise `make lock` was forgotten."""
    locked = pins("requirements.lock") | (pins(f"requirements-{extra}.lock") if extra else {})
    for row in PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]:
        wanted = Requirement(row)
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), row


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_an_extra_pins_nothing_that_the_runtime_pins(extra: str) -> None:
    assert not pins("requirements.lock").keys() & pins(f"requirements-{extra}.lock").keys()


def test_no_pin_names_one_machines_build() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        assert not [name for name, version in pins(lock.name).items() if version.local], lock.name


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def in_nav(entries: Any) -> Iterator[str]:
    for entry in entries:
        target = entry if isinstance(entry, str) else next(iter(entry.values()))
        yield from [target] if isinstance(target, str) else in_nav(target)


def test_every_document_is_in_the_sites_navigation() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert sorted(in_nav(nav)) == sorted(str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md"))


@pytest.mark.parametrize("name", TARGETS)
def test_mutation_testing_finds_its_modules_and_tests(name: str) -> None:
    target = TARGETS[name]
    assert [path for path in (*target.modules, *target.tests) if not (ROOT / path).exists()] == []
    assert name in (ROOT / "CONTRIBUTING.md").read_text()


def test_the_root_documents_link_to_files_that_are_there() -> None:
    """The site's own links are checked by `make docs`."""
    for page in ROOT.glob("*.md"):
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (ROOT / link).exists(), f"{page.name}: {link}"


def test_no_document_holds_the_marks_of_a_merge() -> None:
    """Code that holds them does not run; a document is committed without a word."""
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        assert re.findall(r"^(?:<{7}|={7}$|>{7}).*", page.read_text(), re.MULTILINE) == [], page.name


def test_hypothesis_judges_no_example_by_its_time() -> None:
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
