"""Questions with five options, as TVQA asks them: from the file to a frozen release, its loaders and a score."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, transaction

from annotation.models import Question
from benchmark_site.releases.models import Item, Negative, Release
from benchmark_site.releases.services import create_release
from evaluation.cli.main import main
from evaluation.release import Release as Reader
from tests.releases.conftest import ACTIONS, COLOURS, PLACES, SHAPES

pytestmark = pytest.mark.django_db

VIDEOS = 14


def tvqa(folder: Path) -> tuple[Path, Path]:
    """(questions, video index) as TVQA has them, two a video; the last one lacks its fifth option."""
    rows = []
    for number in range(VIDEOS):
        for place in range(2):
            where, colour = PLACES[(number * 5 + place) % 6], COLOURS[(number + 5 * place) % 12]
            said = ACTIONS if place else COLOURS
            options = [f"it {said[(number + n) % 7]} {where}" for n in range(5)]
            rows.append(
                {"qid": 2 * number + place, "vid_name": f"show_s01e{number:02d}", "ts": f"{2 + place}-{9 + place}",
                 "q": f"What does the {colour} {SHAPES[number % 8]} do {where}?",
                 "answer_idx": (number + place) % 5, **{f"a{n}": text for n, text in enumerate(options)}}
            )  # fmt: skip
    rows[-1] |= {"answer_idx": 0}
    del rows[-1]["a4"]
    path, index = folder / "tvqa_val.jsonl", folder / "video2dur_idx.json"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    index.write_text(json.dumps({"val": {row["vid_name"]: [60.0, row["qid"]] for row in rows[::2]}}))
    return path, index


@pytest.fixture
def release(tmp_path: Path) -> Release:
    path, index = tvqa(tmp_path)
    call_command("import_annotations", "tvqa", str(path), "--video-index", str(index))
    call_command("build_release", "tvqa", "1.0.0", "--shared", "--options", "5", "--set-aside", "0")
    return Release.objects.get()


def test_tvqa_becomes_a_release_that_is_scored(release: Release, tmp_path: Path) -> None:
    assert (release.state, release.option_count) == ("frozen", 5)
    (left_out,) = release.exclusions.all()
    assert (left_out.check_id, left_out.reason[:22]) == ("B4", "4 options, expected 5:")
    assert release.items.count() == 2 * VIDEOS - 1

    written = {q.public_id: {a.text: a.correct for a in q.answers.all()} for q in Question.objects.all()}
    lent = {(n.item.public_id, n.option): n for n in Negative.objects.select_related("item", "source")}
    assert lent
    for item in release.items.all():
        assert len(set(item.options)) == 5
        for place, option in enumerate(item.options):
            if (item.public_id, place) not in lent:
                assert written[item.public_id][option] == (place == item.answer_index)

    folder = release.folder
    reader = Reader.open(folder)
    reader.verify()
    perfect = {split: reader.questions(split) for split in ("train", "val", "test")}
    assert {len(options) for questions in perfect.values() for options in questions.options} == {5}
    assert {path for path in (file.path for file in release.files.all()) if "how2QA" in path} == set()
    table = pq.read_table(folder / "parquet/qa/train.parquet").to_pylist()
    assert [row["options"] for row in table] == [list(options) for options in perfect["train"].options]

    test = perfect["test"]
    predictions, report = tmp_path / "answers.json", tmp_path / "report.json"
    predictions.write_text(json.dumps(dict(zip(map(str, test.qids.tolist()), test.answer.tolist(), strict=True))))
    assert main(["score", str(folder), str(predictions), "--task", "qa", "--split", "test", "--json", str(report)]) == 0
    scored = json.loads(report.read_text())
    assert {metric["key"]: metric["value"] for metric in scored["metrics"]}["QA.accuracy"] == 100.0
    predictions.write_text(json.dumps(dict.fromkeys(map(str, test.qids.tolist()), 5)))
    assert main(["score", str(folder), str(predictions), "--task", "qa", "--split", "test", "--json", str(report)]) == 2


def test_page_card_and_datasheet_say_five(release: Release, client) -> None:
    assert "a question with five answers of which one is right" in (release.folder / "DATASHEET.md").read_text()
    if release.blind["after"]["panel"]:
        assert "Chance is 20 %." in client.get("/releases/tvqa/1.0.0/").content.decode()


@pytest.mark.parametrize(("asked", "count"), [({}, 4), ({"option_count": "4"}, 4), ({"option_count": "5"}, 5)])
def test_the_form_asks_how_many(client, asked: dict[str, str], count: int) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    assert 'name="option_count"' in client.get("/releases/new/").content.decode()
    client.post("/releases/new/", {"slug": "demo", "version": "1.0.0", "seed": 0, "hidden": "shared", **asked})
    assert Release.objects.get().option_count == count


def test_the_form_refuses_another_number(client) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    asked = {"slug": "demo", "version": "1.0.0", "seed": 0, "hidden": "shared", "option_count": "2"}
    assert client.post("/releases/new/", asked).status_code == 200
    assert not Release.objects.exists()


@pytest.mark.parametrize(("options", "right"), [(["a", "b", "c"], 0), (["a"] * 6, 0), (["a", "b", "c", "d"], 4)])
def test_the_database_takes_no_other_question(corpus, options: list[str], right: int) -> None:
    (video,) = corpus(1)
    release = create_release("demo", "1.0.0")
    with pytest.raises(IntegrityError, match="item_is_query_or_question"), transaction.atomic():
        Item.objects.create(
            release=release, kind="qa", public_id=1, split="train", video=video, vid_name="a", duration=9.0,
            start=0.0, end=1.0, text="what?", options=options, answer_index=right,
        )  # fmt: skip
    with pytest.raises(IntegrityError, match="release_option_count_is_known"), transaction.atomic():
        Release.objects.filter(pk=release.pk).update(option_count=3)
