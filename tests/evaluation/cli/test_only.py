"""Numbers of some queries alone, as a board needs them for the public and the private part of a split."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.cli.main import main
from evaluation.release import Release


@pytest.fixture(params=["moment", "qa"])
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def predictions(task: str, release: Path, tmp_path: Path) -> Path:
    out = tmp_path / "predictions.json"
    assert main(["baseline", str(release), "--task", task, "--kind", "random", "--out", str(out)]) == 0
    return out


def ids(task: str, release: Path) -> list[int]:
    read = Release.open(release)
    return (read.moments("val").desc_ids if task == "moment" else read.questions("val").qids).tolist()


def scored(task: str, release: Path, predictions: Path, folder: Path, *only: int) -> dict[str, Any]:
    listed = folder / "ids.txt"
    listed.write_text("".join(f"{one}\n" for one in only))
    more = ["--only", str(listed)] if only else []
    report = folder / "report.json"
    assert main(["score", str(release), str(predictions), "--task", task, "--json", str(report), *more]) == 0
    read: dict[str, Any] = json.loads(report.read_text())
    return read


def test_two_parts_make_up_the_whole(task: str, release: Path, predictions: Path, tmp_path: Path) -> None:
    every = ids(task, release)
    whole, first, second = (
        scored(task, release, predictions, tmp_path, *part) for part in ((), every[:10], every[10:])
    )
    assert (whole["n"], first["n"], second["n"]) == (32, 10, 22)
    for one, a, b in zip(whole["metrics"], first["metrics"], second["metrics"], strict=True):
        assert (one["n"], a["n"], b["n"]) == (32, 10, 22)
        if one["name"] != "median_rank":
            assert one["value"] == pytest.approx((10 * a["value"] + 22 * b["value"]) / 32)
            assert a["low"] <= a["value"] <= a["high"]
        assert a["beats_blind"] is False  # a blind baseline, on the same ten
    assert sum(line["n"] for line in whole["breakdowns"]) == sum(
        line["n"] for report in (first, second) for line in report["breakdowns"]
    )


def test_every_query_must_be_answered_all_the_same(release: Path, tmp_path: Path) -> None:
    few = ids("qa", release)
    file, listed = tmp_path / "few.json", tmp_path / "ids.txt"
    file.write_text(json.dumps({str(one): 0 for one in few[:5]}))
    listed.write_text("".join(f"{one}\n" for one in few[:5]))
    assert main(["score", str(release), str(file), "--task", "qa", "--only", str(listed)]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [("100\nx\n", "ids.txt:2: 'x' is no id"), ("7\n", "7 is not among the 32 ids of val"), ("", "no id is among")],
)
def test_ids_that_are_none_are_refused(
    text: str, message: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, listed = tmp_path / "p.json", tmp_path / "ids.txt"
    main(["baseline", str(release), "--task", "qa", "--kind", "random", "--out", str(out)])
    listed.write_text(text)
    assert main(["score", str(release), str(out), "--task", "qa", "--only", str(listed)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("packed", [False, True])
def test_a_list_of_ids_is_read_as_people_have_it(packed: bool, release: Path, tmp_path: Path) -> None:
    out, listed = tmp_path / "p.json", tmp_path / "ids.txt"
    main(["baseline", str(release), "--task", "qa", "--kind", "random", "--out", str(out)])
    text = b"\xef\xbb\xbf" + b"".join(b"%d\r\n" % one for one in ids("qa", release)[:3]) + b"\r\n"
    listed.write_bytes(gzip.compress(text) if packed else text)
    report = tmp_path / "r.json"
    command = ["score", str(release), str(out), "--task", "qa", "--only", str(listed), "--json", str(report)]
    assert main(command) == 0
    assert json.loads(report.read_text())["n"] == 3
