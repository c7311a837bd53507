"""What the package exports, and that importing it costs nothing."""

import subprocess
import sys

import pytest

import adversarial


def test_the_public_names_are_loaded_when_asked_for() -> None:
    code = (
        "import sys, adversarial; heavy = {'numba', 'scipy', 'sklearn', 'torch'}; "
        "assert not heavy & set(sys.modules); "
        "from adversarial import audit_items, audit_release, match_items; "
        "print(match_items.__module__, audit_items.__module__, audit_release.__module__)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert found == ["adversarial.negatives.pipeline", "adversarial.audit.report", "adversarial.leaks.audit"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = adversarial.unknown
