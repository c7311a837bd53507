"""The losses of a run as a picture, and the log that it is drawn from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hero_model.__main__ import INTERRUPTED, main
from hero_model.errors import InputError
from hero_model.training.curves import MOST_POINTS, loss_curves
from hero_model.training.run_log import LogRow, RunLog
from hero_model.training.trainer import Step
from tests.hero_model.interrupting import interrupted_at

THIN, THICK = "1", "2"
SHORT = [f"--set={stage}.{key}" for stage in ("pretraining", "moment", "qa") for key in ("steps=2", "clips=4")]


def row(stage: str, task: str, step: int, loss: float, val_loss: float | None = None) -> LogRow:
    return LogRow(stage, task, step, 1000, loss, 1.0, 0.5, val_loss)


def panels(svg: str) -> dict[str, ElementTree.Element]:
    """By the stage in the title."""
    found = {}
    for group in ElementTree.fromstring(svg).iter():
        if re.fullmatch(r"mark-group role-scope concat_\d+_group", group.get("class", "")):
            title = next(part for part in group.iter() if part.get("class") == "mark-text role-title-text")
            found["".join(title.itertext())] = group
    return found


def words(panel: ElementTree.Element, kind: str) -> list[str]:
    marks = [part for part in panel.iter() if part.get("class", "").startswith(f"mark-text role-{kind}")]
    return ["".join(text.itertext()) for mark in marks for text in mark if text.tag.endswith("text")]


def lines(panel: ElementTree.Element, width: str) -> dict[str, list[tuple[float, float]]]:
    """objective -> the corners of its line in pixels, y downwards."""
    found = {}
    for part in panel.iter():
        if part.get("aria-roledescription") == "line mark" and part.get("stroke-width") == width:
            corners = re.findall(r"[ML]([\d.]+),([\d.]+)", part.get("d", ""))
            found[part.get("aria-label", "").rpartition("of: ")[2]] = [(float(x), float(y)) for x, y in corners]
    return found


def points(panel: ElementTree.Element) -> list[str]:
    return [part.get("aria-label", "") for part in panel.iter() if part.get("aria-roledescription") == "point"]


def test_a_panel_a_stage_a_line_an_objective_and_points_for_val() -> None:
    rows = [row("pretraining", "mlm" if step % 2 else "vsm", step, 10.0 + step) for step in range(1, 41)]
    rows += [row("moment", "moment", step, 20.0 - step, 5.5 if step == 10 else None) for step in range(1, 21)]
    found = panels(loss_curves(rows))
    assert list(found) == ["pretraining", "moment"]
    pretraining, moment = found.values()
    assert words(pretraining, "legend-label") == ["mlm", "vsm"]
    assert words(moment, "legend-label") == ["moment", "val"]
    assert words(pretraining, "axis-title") == ["step", "loss, as log(1 + loss)"]
    assert words(moment, "axis-title") == ["step", "loss"]
    assert {"1", "5", "20", "50"} <= set(words(pretraining, "axis-label"))
    assert points(pretraining) == []
    assert points(moment) == ["step: 10; loss: 5.5; of: val"]
    for width in (THIN, THICK):
        assert {task: len(corners) for task, corners in lines(pretraining, width).items()} == {"mlm": 20, "vsm": 20}
    (falling,) = lines(moment, THIN).values()
    xs, ys = zip(*falling, strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)  # a loss that falls goes down
    assert (xs[0], xs[-1]) == (0.0, 620.0)


def test_the_thick_line_is_the_mean_around_each_step() -> None:
    rows = [row("qa", "qa", step, float(step % 2 * 4)) for step in range(1, 101)]
    (panel,) = panels(loss_curves(rows)).values()
    (thin,), (thick,) = lines(panel, THIN).values(), lines(panel, THICK).values()
    assert sorted({y for _, y in thin}) == [0.0, 240.0]  # 4 and 0
    assert {y for _, y in thick[2:-2]} == {96.0, 144.0}  # the means of three and of two ones among five: 2.4, 1.6
    assert thick[0][1] == pytest.approx(240 - 240 * (8 / 3) / 4, abs=1e-3)  # 4, 0, 4: there is nothing before


def test_a_long_log_stays_a_small_picture_and_one_step_is_a_dot() -> None:
    rows = [row("moment", "moment", step, 1.0 + 1 / step) for step in range(1, 5001)]
    svg = loss_curves([*rows, row("qa", "qa", 1, 2.0)])
    moment, qa = panels(svg).values()
    (line,) = lines(moment, THICK).values()
    assert MOST_POINTS / 2 < len(line) <= MOST_POINTS
    assert len(svg) < 100_000
    assert len(lines(qa, THICK)["qa"]) == 1
    assert 'd="M310,0Z" stroke="#0b6e99" stroke-width="2" stroke-linecap="round"' in svg


def test_the_picture_stands_alone_on_white_and_has_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    for step in range(1, 9):
        log.write("pretraining", 8, Step(step, ["vsm", "mlm", "fom"][step % 3], 3.0 / step, 1.0, step / 7))
    svg = loss_curves(log.rows())
    drawn = "from hero_model.training.curves import *; from hero_model.training.run_log import *; import pathlib, sys;"
    drawn += "sys.stdout.write(loss_curves(RunLog(pathlib.Path(sys.argv[1])).rows()))"
    for seed in ("1", "2"):
        command = [sys.executable, "-c", drawn, str(tmp_path / "log.jsonl")]
        told = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True)
        assert told.stdout.decode() == svg
    root = ElementTree.fromstring(svg)
    assert root[0].attrib == {"width": root.get("width"), "height": root.get("height"), "fill": "white"}
    assert {part.tag.rpartition("}")[2] for part in root.iter()} == {"svg", "g", "rect", "line", "path", "text"}
    assert "href=" not in svg


def test_a_loss_on_val_that_is_no_number_is_no_point(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.write("moment", 2, Step(1, "moment", 3.0, 1.0, float("nan")))
    log.write("moment", 2, Step(2, "moment", 2.0, 1.0, 2.5))
    assert [entry.val_loss for entry in log.rows()] == [None, 2.5]
    (panel,) = panels(loss_curves(log.rows())).values()
    assert points(panel) == ["step: 2; loss: 2.5; of: val"]


def test_a_stage_that_goes_on_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    first = RunLog(path)
    for stage in ("pretraining", "moment"):
        for step in (1, 2, 3):
            first.write(stage, 4, Step(step, stage, 1.0, 1.0))
    path.write_bytes(path.read_bytes() + b'{"stage": "mo')
    assert len(first.rows()) == 6
    again = RunLog(path)
    for step in (3, 4):
        again.write("moment", 4, Step(step, "moment", 2.0, 1.0))
    assert [(entry.stage, entry.step, entry.loss) for entry in again.rows()] == [
        ("pretraining", 1, 1.0), ("pretraining", 2, 1.0), ("pretraining", 3, 1.0),
        ("moment", 1, 1.0), ("moment", 2, 1.0), ("moment", 3, 2.0), ("moment", 4, 2.0),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["[]", '{"stage": "moment"}', "x", '{"stage":1}'])
def test_a_line_that_is_no_row_is_named(line: str, tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.write("moment", 2, Step(1, "moment", 3.0, 1.0))
    log.path.write_bytes(log.path.read_bytes() + line.encode() + b"\n")
    with pytest.raises(InputError, match=r"log\.jsonl:2: is no row of `train`"):
        log.rows()


def test_a_run_is_drawn_after_each_stage_and_at_its_end(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in moment retrieval it shows pre-training; one that is lost is drawn when the run is asked again."""
    out = tmp_path / "out"
    command = ["train", str(release), str(out), "--preset", "tiny", "--threads", "1", "--progress-json", *SHORT]
    with interrupted_at(4, monkeypatch):
        assert main(command) == INTERRUPTED
    assert list(panels((out / "curves.svg").read_text())) == ["pretraining"]
    assert main(command) == 0
    svg = (out / "curves.svg").read_text()
    assert list(panels(svg)) == ["pretraining", "moment", "qa"]
    (out / "curves.svg").unlink()
    assert main(command) == 0
    assert (out / "curves.svg").read_text() == svg
