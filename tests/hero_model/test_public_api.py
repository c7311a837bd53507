"""`from hero_model import …`: every public name is there, and none is loaded before it is asked for."""

import subprocess
import sys

import pytest

import hero_model


def test_every_public_name_is_there() -> None:
    assert all(getattr(hero_model, name).__name__ == name for name in hero_model.__all__)


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'HeroSerach'"):
        hero_model.HeroSerach  # noqa: B018


def test_the_package_itself_loads_nothing_heavy() -> None:
    code = "import sys, hero_model; assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
