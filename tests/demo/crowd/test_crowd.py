import json
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark_site.demo.crowd import __main__ as crowd
from benchmark_site.demo.crowd import browser
from benchmark_site.demo.world.generate import render_world
from benchmark_site.demo.world.script import FORMAT, Script, read_script, write_script
from tests.demo.sites import Hit, Sites, serve

CLIPS, WORKERS = 3, 9


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    render_world(folder, n=CLIPS, seed=1)
    return folder


def stocked(world: Path, lose: set[int] | None = None) -> Sites:
    """Sites with a segment task for every clip; the words of the first clip are hidden."""
    script = read_script(world / "script.json")
    sites = Sites(
        clips={clip.name: world / clip.file for clip in script.clips},
        subtitles={c.name: [(s.start, s.end, s.text) for s in c.subtitles] for c in script.clips[1:]},
        lose=lose or set(),
    )
    sites.hits = [Hit("segment", clip.name) for clip in script.clips]
    return sites


def both_stages(world: Path, lose: set[int] | None = None) -> Sites:
    sites = stocked(world, lose)
    with serve(sites) as url:
        asked = ["--marketplace", url, "--script", str(world / "script.json"), "--workers", str(WORKERS)]
        asked += ["--sessions", str(world / f"{secrets.token_hex(4)}.json")]
        assert crowd.main([*asked, "--until-idle", "0"]) == 0
        sites.ask_about_segments()
        assert crowd.main([*asked, "--until-idle", "0"]) == 0
    return sites


def test_a_run_from_scratch_gives_the_same_answers_even_when_the_site_fails(
    world: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(browser, "LONGEST_PAUSE_SECONDS", 0.1)
    first = both_stages(world)
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    shaky = both_stages(world, lose=set(range(5, 500, 11)))

    assert len(first.answers) == 2 * CLIPS + 2 * 2 * CLIPS
    assert all(hit.left == 0 for hit in first.hits)
    assert first.answers == shaky.answers
    assert not first.accepted
    assert not shaky.accepted
    assert sum(told_of["event"] == "answered" for told_of in told) == len(first.answers)
    assert told[-1] == {"event": "idle", "query": 2 * CLIPS, "qa": 2 * CLIPS}


def test_a_clip_is_downloaded_once_whatever_its_signature(world: Path) -> None:
    assert both_stages(world).downloads == 2 * CLIPS  # once in each of two runs


def test_browsers_stay_logged_in_between_runs(world: Path) -> None:
    assert both_stages(world).logins == WORKERS


def test_who_is_shown_no_words_writes_of_the_picture_alone(world: Path) -> None:
    sites = both_stages(world)
    queries = [(sites.hits[n], answer) for (n, _), answer in sites.answers.items() if sites.hits[n].kind == "query"]
    assert queries
    assert {answer["based_on"] for hit, answer in queries if hit.clip == "shapes-000"} == {"v"}


def test_a_clip_in_no_script_ends_the_run_and_is_named(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_script(Script(FORMAT, 0, ()), tmp_path / "script.json")
    sites = stocked(world)
    with serve(sites) as url:
        status = crowd.main(["--marketplace", url, "--script", str(tmp_path / "script.json"), "--workers", "3"])
    assert status == 1
    assert "the video at /clip/shapes-000" in capsys.readouterr().err


def test_a_missing_script_is_told_before_anything_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crowd.main(["--marketplace", "http://127.0.0.1:1", "--script", str(tmp_path / "none.json")]) == 2
    assert "none.json: cannot be read" in capsys.readouterr().err


def test_a_marketplace_that_stays_away_is_told(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(browser, "PATIENCE_SECONDS", 0.3)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert crowd.main(["--marketplace", url, "--script", str(world / "script.json")]) == 1
    assert "no usable answer" in capsys.readouterr().err


def test_the_crowd_imports_nothing_of_the_platform() -> None:
    asked = (
        "import sys, benchmark_site.demo.crowd.__main__; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert {"benchmark_site", "httpx", "lxml"} <= set(loaded)
    assert not {"django", "annotation", "adversarial", "hero_model", "evaluation", "torch"} & set(loaded)
