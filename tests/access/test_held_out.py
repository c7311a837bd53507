"""The search for what is hidden: it reads both layouts and finds a secret however a page writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark_site.releases.models import Release
from tests.access.held_out import HeldOut, readable
from tests.releases.conftest import corpus, frozen, media  # noqa: F401  (fixtures)

PUBLIC = {"qid": 111111, "vid_name": "film_0_30", "q": "Which ball rolls away?", "a0": "the reddest of them"}
TRUTH = {"desc_id": 222222, "vid_name": "film_0_30", "ts": [3.0, 10.31], "desc": "A ball rolls"}
RESERVE = {
    "qid": 333333,
    "vid_name": "film_30_60",
    "ts": "4.5-9",
    "q": "What's under the hat?",
    "a0": "the reddest of them",
}


@pytest.fixture
def hidden(tmp_path: Path) -> HeldOut:
    for name, row in (
        ("qa/value/test_public.jsonl", PUBLIC),
        ("held_out/moment/tvr/test_public.jsonl", TRUTH),
        ("held_out/qa/value/reserve.jsonl", RESERVE),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(row) + "\n")
    return HeldOut.read(tmp_path)


@pytest.mark.parametrize(
    "page",
    [
        "<p>What&#x27;s under\n the hat?</p>",
        "gate: 333333, 4",
        "<h1>film</h1> 3.0–10.3 s",
        '{"vid_name": "film_0_30", "ts": [3.0, 10.31]}',
        '<main data-start="3.0" data-end="10.31"> film',
        "film_30_60 4.50-9.00",
    ],
)
def test_a_secret_is_found(hidden: HeldOut, page: str) -> None:
    assert hidden.found_in(page)


@pytest.mark.parametrize(
    "page",
    [
        "<p>Which ball rolls away? the reddest of them</p>",
        "film 13.0–10.3, 3.0–10.4",
        "another: 3.0–10.3 s",
        "1333333",
    ],
)
def test_what_is_public_or_something_else_is_not(hidden: HeldOut, page: str) -> None:
    assert hidden.found_in(page) == []


def test_json_is_read_without_its_escapes() -> None:
    assert "“é”" in readable(json.dumps("“é”").encode(), "application/json; charset=utf-8")


@pytest.mark.django_db
def test_the_public_files_say_nothing_hidden(frozen: Release) -> None:  # noqa: F811
    secrets = HeldOut.read(frozen.folder)
    files = [file.path for file in frozen.files.filter(access="public", path__endswith=".jsonl")]
    assert files
    lines = [line for path in files for line in (frozen.folder / path).read_text().splitlines()]
    assert [line for line in lines if secrets.found_in(line)] == []
