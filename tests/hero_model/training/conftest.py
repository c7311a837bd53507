"""A small release to train on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.hero_model.tiny_release import write_release


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    yield
    torch.set_num_threads(1)
