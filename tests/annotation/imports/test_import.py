"""Files of the field as accepted items: what each row becomes, what is reported, and that a second run adds nothing."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from annotation.crowd.launch import askable_questions
from annotation.imports.runs import run_import
from annotation.models import AnnotationImport, Answer, Clip, Query, Question, Segment, Video
from annotation.models.items import content_id
from tests.evaluation.small_release import write_release

pytestmark = pytest.mark.django_db

HOW2R = """abcdefghijk,[60:120],[62.5:70.25],"A man, in red, opens a door"
abcdefghijk,[60:120],[62.5:70.25],She closes it
-bcdefghijk,[0:60],[1.0:63.0],A dog runs past the end
-bcdefghijk,[60:120],[59.0:70.0],A cat starts too early
abcdefghijk,[60:120],[62.5:70.25],She  closes it
abcdefghijk,[60:120],[80:70],Times turned around
abcdefghijk,[0:60],[10:20],\u200e
"""
HOW2QA = """abcdefghijk,[62.5:70.25],blue,None,NA,What colour is the door?,red
abcdefghijk,[62.5:70.25],red,blue,green,What colour is the wall?,red
"""


def brought(form: str, path: Path, *more: str) -> AnnotationImport:
    call_command("import_annotations", form, str(path), *more)
    return AnnotationImport.objects.latest("pk")


def written(folder: Path, name: str, text: str | list[dict[str, Any]]) -> Path:
    path = folder / name
    path.write_text(text if isinstance(text, str) else "".join(f"{json.dumps(row)}\n" for row in text))
    return path


def fates(run: AnnotationImport) -> list[tuple[int, str, bool]]:
    return [(row["line"], row["what"], row["left_out"]) for row in run.problems]


def items() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Video, Clip, Segment, Query, Question, Answer)]


def test_how2_becomes_items_and_every_other_row_is_told(tmp_path: Path) -> None:
    run = brought("how2r", written(tmp_path, "r.csv", HOW2R), "--licence", "CC-BY-NC-SA-4.0", "--source", "How2")
    assert fates(run) == [
        (3, "ts", False), (4, "ts", True), (5, "text", True), (6, "segment", True), (7, "text", True),
    ]  # fmt: skip
    assert "3 s out of its clip of 60 s" in run.problems[0]["why"]
    assert "line 2" in run.problems[2]["why"]
    query = Query.objects.get(text="A man, in red, opens a door")
    assert (query.segment.start, query.segment.end, query.type) == (2.5, 10.25, "vt")
    assert query.segment.clip.name == "abcdefghijk_60_120"
    assert query.public_id == content_id(query.text)
    assert query.segment.clip.video.licence == "CC-BY-NC-SA-4.0"
    assert (Query.objects.count(), Segment.objects.count(), Video.objects.count()) == (3, 2, 2)
    run = brought("how2qa", written(tmp_path, "qa.csv", HOW2QA))
    assert fates(run) == [(2, "options", True)]
    question = Question.objects.get()
    assert question.segment == query.segment
    assert {(a.text, a.correct) for a in question.answers.all()} == {
        ("blue", False), ("None", False), ("NA", False), ("red", True),
    }  # fmt: skip


def test_a_second_run_adds_nothing(tmp_path: Path) -> None:
    files = {"how2r": written(tmp_path, "r.csv", HOW2R), "how2qa": written(tmp_path, "qa.csv", HOW2QA)}
    first = {form: brought(form, path) for form, path in files.items()}
    before = items()
    for form, path in files.items():
        again = brought(form, path)
        assert not any(again.added.values())
        assert again.problems == first[form].problems
        assert sum(again.known.values()) == sum(first[form].added[name] for name in ("queries", "questions"))
    assert items() == before


def test_another_answer_to_a_question_that_is_here_is_a_fault(tmp_path: Path) -> None:
    brought("how2qa", written(tmp_path, "a.csv", HOW2QA))
    changed = HOW2QA.splitlines()[0].replace(",red", ",white")
    before = items()
    run = brought("how2qa", written(tmp_path, "b.csv", changed + "\n" + HOW2QA.splitlines()[0] + "\n"))
    assert fates(run) == [(1, "text", True)]
    assert run.known == {"questions": 1}
    assert "other answers" in run.problems[0]["why"]
    assert items() == before


@pytest.mark.parametrize(
    ("form", "rows", "clips", "texts"),
    [
        (
            "tvr",
            [{"vid_name": "show_s01e02_clip_00", "duration": 64.1, "ts": [1, 2.5], "desc": "He waves", "desc_id": 7,
              "type": "t"}],
            {"show_s01e02_clip_00_0_64.1": (1.0, 2.5)}, ["He waves"],
        ),
        (
            "qvhighlights",
            [{"qid": 1, "query": "A walk", "vid": "j7rJstUseKg_360.0_510.0", "duration": 150,
              "relevant_windows": [[10, 20]]}],
            {"j7rJstUseKg_360_510": (10.0, 20.0)}, ["A walk"],
        ),
        (
            "tvqa",
            [{"qid": 1, "vid_name": "abcdefghijk_0_60", "q": "Who?", **{f"a{n}": f"man {n}" for n in range(5)},
              "answer_idx": 4, "ts": "1-2"}],
            {"abcdefghijk_0_60": (1.0, 2.0)}, ["Who?"],
        ),
    ],
)  # fmt: skip
def test_other_forms_find_their_clip(
    tmp_path: Path, form: str, rows: list[dict[str, Any]], clips: dict[str, tuple[float, float]], texts: list[str]
) -> None:
    run = brought(form, written(tmp_path, "x.jsonl", rows))
    assert fates(run) == []
    assert {s.clip.name: (s.start, s.end) for s in Segment.objects.all()} == clips
    assert [item.text for model in (Query, Question) for item in model.objects.all()] == texts
    for question in Question.objects.all():
        assert [a.text for a in question.answers.filter(correct=True)] == ["man 4"]


def test_several_moments_leave_segments_and_withheld_truth_is_told(tmp_path: Path) -> None:
    rows = [
        {"qid": 1, "query": "A walk", "vid": "v", "duration": 150, "relevant_windows": [[10, 20], [30, 40]]},
        {"qid": 2, "query": "A talk", "vid": "v", "duration": 150},
    ]
    run = brought("qvhighlights", written(tmp_path, "x.jsonl", rows))
    assert fates(run) == [(1, "moments", True), (2, "ts", True)]
    assert sorted(Segment.objects.values_list("start", flat=True)) == [10.0, 30.0]
    assert not Query.objects.exists()


VATEX = [{"videoID": "Ptf_2VRj-V0_000122_000132", "enCap": ["He waves", "A man waves"]}]
MSRVTT = {
    "videos": [{"video_id": "video0", "start time": 137.72, "end time": 149.44}],
    "sentences": [{"caption": "He waves", "video_id": "video0", "sen_id": 7}],
}
YC2R = {"vid_name": "xHr8X2Wpmno_3", "duration": 19.0, "desc": "Cut the onions", "desc_id": 1}


@pytest.mark.parametrize(
    ("form", "text", "clip", "texts"),
    [
        ("vatex", json.dumps(VATEX), ("Ptf_2VRj-V0_122_132", 10.0), ["A man waves", "He waves"]),
        ("msrvtt", json.dumps(MSRVTT), ("video0_0_11.72", 11.72), ["He waves"]),
        ("value-clips", json.dumps(YC2R), ("xHr8X2Wpmno_3_0_19", 19.0), ["Cut the onions"]),
    ],
)
def test_queries_of_whole_clips_are_their_moment(
    tmp_path: Path, form: str, text: str, clip: tuple[str, float], texts: list[str]
) -> None:
    run = brought(form, written(tmp_path, "x.json", text))
    assert fates(run) == []
    segment = Segment.objects.get()
    assert (segment.clip.name, segment.start, segment.end) == (clip[0], 0.0, clip[1])
    assert sorted(query.text for query in Query.objects.all()) == texts


def test_a_moment_that_is_missing_is_no_whole_clip_unless_the_form_says_so(tmp_path: Path) -> None:
    for form in ("tvr", "value"):
        with pytest.raises(CommandError, match=r"ts is missing: .* whole clips speak msrvtt, value-clips, vatex"):
            brought(form, written(tmp_path, "x.jsonl", [YC2R]))
    brought("value-clips", written(tmp_path, "x.jsonl", [YC2R | {"ts": [2, 3]}]))
    assert list(Segment.objects.values_list("start", "end")) == [(2.0, 3.0)]


def test_a_video_index_says_what_the_file_does_not(tmp_path: Path) -> None:
    row = {"qid": 1, "vid_name": "clip.one", "q": "Who?", "a0": "x", "a1": "y", "answer_idx": 0}
    path = written(tmp_path, "x.jsonl", [row])
    with pytest.raises(CommandError, match=r"x\.jsonl:1: duration of 'clip.one' is not known"):
        brought("tvqa", path)
    assert not AnnotationImport.objects.exists()
    index = written(tmp_path, "video2dur_idx.json", json.dumps({"val": {"clip.one": [12.5, 0]}}))
    brought("tvqa", path, "--video-index", str(index))
    video = Video.objects.get()
    assert video.title == "clip.one"
    assert video.public_id.startswith("clip-one-")
    segment = Segment.objects.get()
    assert (segment.start, segment.end, segment.clip.imported) == (0.0, 12.5, True)


def test_a_film_that_is_here_says_how_long_it_is(tmp_path: Path) -> None:
    video = Video.objects.create(public_id="abcdefghijk", state="ready", duration=90.0)
    clip = Clip.objects.create(video=video, start=0.0, end=60.0)
    rows = ["abcdefghijk,[60:120],[62:70],Past the end", "abcdefghijk,[0:60],[2:7],In the first minute"]
    run = brought("how2r", written(tmp_path, "r.csv", "\n".join(rows) + "\n"))
    assert fates(run) == [(1, "clip", True)]
    assert Query.objects.get().segment.clip == clip


def test_only_the_segments_where_new_texts_are_to_be_written(tmp_path: Path) -> None:
    brought("how2r", written(tmp_path, "r.csv", HOW2R), "--segments-only")
    assert Segment.objects.count() == 3
    assert not Query.objects.exists()


def test_options_that_no_release_takes_are_told_in_one_line(tmp_path: Path) -> None:
    """VIOLIN's statements and VLEP's events have two; of a hundred thousand of them one line is enough."""
    rows = [
        {
            "example_id": n,
            "vid_name": "v",
            "ts": [1, 2 + n],
            "events": [f"He {n}", f"She {n}"],
            "answer": 0,
            "duration": 20,
        }
        for n in range(3)
    ]
    five = {
        "qid": 9,
        "vid_name": "v",
        "duration": 20,
        "ts": "1-2",
        "q": "Who?",
        **{f"a{n}": f"man {n}" for n in range(5)},
    }
    run = brought("value", written(tmp_path, "x.jsonl", [five | {"answer_idx": 4}, *rows]), *index(tmp_path, "v", 20.0))
    assert fates(run) == [(2, "options", False)]
    assert run.problems[0]["why"] == "are 2 here and in 2 other questions: kept, no release takes other than 4 or 5"
    assert Question.objects.count() == 4


def index(folder: Path, video: str, seconds: float) -> tuple[str, str]:
    return "--video-index", str(written(folder, "video2dur_idx.json", json.dumps({"val": {video: [seconds, 0]}})))


def test_workers_are_asked_of_no_more_options_than_their_form_tells_apart(tmp_path: Path) -> None:
    """The fifth would be taken for a doubted answer."""
    film = Video.objects.create(public_id="abcdefghijk", state="ready", duration=60.0)
    Clip.objects.create(video=film, start=0.0, end=60.0)
    rows = [
        {"qid": n, "vid_name": "abcdefghijk_0_60", "q": f"Who {n}?", "answer_idx": 0, "ts": "1-2",
         **{f"a{place}": f"man {place}" for place in range(n)}}
        for n in (4, 5)
    ]  # fmt: skip
    brought("tvqa", written(tmp_path, "x.jsonl", rows))
    assert [question.text for question in askable_questions()] == ["Who 4?"]


def test_page_and_command_say_what_a_release_makes_of_each_form(client: Client, capsys) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    page = client.get("/imports/").content.decode()
    with pytest.raises(SystemExit):
        call_command("import_annotations", "--help")
    command = " ".join(capsys.readouterr().out.split())
    for said in ("nothing: its statements have two options", "questions, in releases of four options or of five"):
        assert said in page
        assert said in command


@pytest.mark.parametrize(("form", "name"), [("how2r", "none.csv"), ("tvr", "r.csv")])
def test_what_cannot_be_read_takes_nothing(tmp_path: Path, form: str, name: str) -> None:
    written(tmp_path, "r.csv", HOW2R)
    with pytest.raises(CommandError, match=name):
        brought(form, tmp_path / name)
    assert not Video.objects.exists()
    assert not AnnotationImport.objects.exists()


def test_by_the_page_a_worker_takes_it_in_and_the_report_stays(client: Client, tmp_path: Path) -> None:
    user = User.objects.create_user("ann")
    user.groups.add(Group.objects.get(name="Requesters"))
    client.force_login(user)
    sent = SimpleUploadedFile("r.csv.gz", gzip.compress(b"\xef\xbb\xbf" + HOW2R.encode()))
    page = client.post("/imports/", {"form": "how2r", "file": sent, "licence": "CC0-1.0"}, follow=True)
    run = AnnotationImport.objects.get()
    assert "Waiting for a worker" in page.content.decode()
    stored = Path(run.file.path)
    run_import(run.pk)
    run_import(run.pk)
    run.refresh_from_db()
    assert (run.state, run.left_out, run.created_by, bool(run.file)) == ("done", 4, user, False)
    assert not stored.exists()
    text = client.get(run.get_absolute_url()).content.decode()
    assert "begins before its clip" in text
    lines = client.get(f"{run.get_absolute_url()}problems.jsonl").content.decode().splitlines()
    assert [json.loads(line)["line"] for line in lines] == [3, 4, 5, 6, 7]
    assert {json.loads(line)["file"] for line in lines} == {"r.csv.gz"}
    assert "r.csv.gz" in client.get("/imports/").content.decode()


def test_a_file_of_another_form_is_refused_on_its_page(client: Client) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    client.post("/imports/", {"form": "tvr", "file": SimpleUploadedFile("r.csv", HOW2R.encode())})
    run = AnnotationImport.objects.get()
    run_import(run.pk)
    page = client.get(run.get_absolute_url()).content.decode()
    assert "r.csv" in page
    assert "is no JSON" in page
    assert "imports/r" not in page
    assert not Video.objects.exists()


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "vid_name": "v",
        "duration": 20.0,
        "ts": [1, 2],
        "desc": f"He waves {number} times",
        "desc_id": number,
    } | more


NO_TABLE_HOLDS = {
    "a text longer than an index": (row(1, desc="".join(chr(0x4E00 + n) for n in range(4000))), "text"),
    "a video of no time": (row(1, duration=0.0001, ts=[0, 0.0001]), "duration"),
    "a moment of no time": (row(1, ts=[1, 1.0001]), "ts"),
    "a clip that never ends": (row(1, vid_name=f"v_0_{'9' * 400}", duration=None), "duration"),
}


@pytest.mark.parametrize("kind", NO_TABLE_HOLDS)
def test_a_row_that_no_table_holds_is_a_fault_of_its_own(tmp_path: Path, kind: str) -> None:
    bad, what = NO_TABLE_HOLDS[kind]
    run = brought("tvr", written(tmp_path, "x.jsonl", [bad, row(2)]))
    assert fates(run) == [(1, what, True)]
    assert [query.text for query in Query.objects.all()] == ["He waves 2 times"]


def test_signs_that_no_database_takes_are_left_out(tmp_path: Path) -> None:
    text = {"a\0b": {"duration": 20.0, "timestamps": [[2, 1], [1, 2]], "sentences": ["-", "He\0 waves"]}}
    run = brought("activitynet", written(tmp_path, "x.json", json.dumps(text)))
    assert [what for _, what, _ in fates(run)] == ["timestamps of a\N{REPLACEMENT CHARACTER}b", "text"]
    assert [query.text for query in Query.objects.all()] == ["He waves"]
    assert Video.objects.get().title == "ab"


def test_a_faulty_file_of_odd_signs_is_refused_on_its_page(client: Client) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    raw = json.dumps({"a\0b": {"timestamps": 1, "sentences": []}}).encode()
    client.post("/imports/", {"form": "activitynet", "file": SimpleUploadedFile("x.json", raw)})
    run = AnnotationImport.objects.get()
    run_import(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "x.json" in run.error


@pytest.mark.parametrize("form", ["tvr", "tvqa+"])
def test_a_file_of_another_encoding_is_no_error_of_ours(client: Client, form: str) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    raw = json.dumps([row(1, desc="cafe")] if form == "tvqa+" else row(1, desc="cafe")).replace("cafe", "café")
    client.post("/imports/", {"form": form, "file": SimpleUploadedFile("x.json", raw.encode("latin-1"))})
    run = AnnotationImport.objects.get()
    run_import(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "utf-8" in run.error


def test_names_too_long_for_the_report_are_cut_and_others_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f"{'x' * 240}.jsonl", [row(1)])
    assert brought("tvr", path).name == "x" * 200
    with pytest.raises(CommandError, match="--source"):
        brought("tvr", path, "--source", "x" * 501)


def test_a_release_of_another_site_comes_by_command_and_by_page(client: Client, tmp_path: Path) -> None:
    folder = write_release(tmp_path / "demo-1.0.0", held_out=False)
    run = brought("release", folder)
    assert (run.name, run.left_out) == ("demo-1.0.0", 0)
    counts = (Query.objects.count(), Question.objects.count())
    assert counts == (64, 64)
    client.force_login(User.objects.create_user("ann", is_staff=True))
    packed = shutil.make_archive(str(tmp_path / "demo"), "zip", tmp_path, "demo-1.0.0")
    client.post("/imports/", {"form": "release", "file": SimpleUploadedFile("demo.zip", Path(packed).read_bytes())})
    run = AnnotationImport.objects.first()
    run_import(run.pk)
    run.refresh_from_db()
    assert (run.state, run.known) == ("done", {"queries": 64, "questions": 64})
    assert (Query.objects.count(), Question.objects.count()) == counts
