"""`score --truth`: the field's other truths, each scored as it is meant; and what cannot be, refused by line."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.cli.main import main
from tests.evaluation.forms.files import lines

Json = dict[str, Any]
INDEX = {"val": {"kitchen": [20.0, 7], "garden": [30.0, 8]}}


def query(number: int | str, video: str, ts: list[float], **more: Any) -> Json:
    return {"vid_name": video, "duration": 20.0, "ts": ts, "desc": "-", "type": "v", "desc_id": number} | more


TRUTH = [query(1, "kitchen", [2, 6]), query(2, "kitchen", [10, 20]), query(3, "garden", [0, 9])]
PERFECT = [(1, [[7, 2, 6, 0.9]]), (2, [[7, 10, 20, 0.9]]), (3, [[8, 0, 9, 0.9]])]


def submission(lists: list[tuple[Any, Any]], task: str = "SVMR") -> str:
    return json.dumps({task: [{"desc_id": number, "predictions": rows} for number, rows in lists]})


class Desk:
    """Files of one test, and what scoring them gives."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        (folder / "index.json").write_text(json.dumps(INDEX))

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def score(
        self, truth: Path, predictions: str | bytes, *options: str, index: bool = True, status: int = 0
    ) -> tuple[dict[str, float], dict[str, int]]:
        """(values by metric, counts by note); of a refusal nothing."""
        out = self.folder / "report.json"
        command = ["score", "--truth", truth, self.write("p.json", predictions), "--json", out, *options]
        command += ["--video-index", self.folder / "index.json"] if index else []
        assert main([str(part) for part in command]) == status
        report = {"metrics": [], "notes": []} if status else json.loads(out.read_text())
        values = {metric["key"]: metric["value"] for metric in report["metrics"]}
        return values, {note["code"]: note["count"] for note in report["notes"]}

    def refusal(self, truth: Path, predictions: str, *options: str, index: bool = True) -> str:
        self.score(truth, predictions, *options, index=index, status=2)
        return self.capsys.readouterr().err


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


MARK = b"\xef\xbb\xbf"
FORMS = {
    "lines": lines(*TRUTH).encode(),
    "a mark": MARK + lines(*TRUTH).encode(),
    "gzip": gzip.compress(lines(*TRUTH).encode()),
    "gzip of a mark": gzip.compress(MARK + lines(*TRUTH).encode()),
    "an array": json.dumps(TRUTH, indent=1).encode(),
    "blanks first": b"\n \n" + json.dumps(TRUTH).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_truth_is_read_as_people_have_it(form: str, desk: Desk) -> None:
    values, _ = desk.score(desk.write("gt.jsonl", FORMS[form]), submission(PERFECT))
    assert values["SVMR.R@1.tiou0.7.raw"] == 100


def test_predictions_and_index_are_read_so_too(desk: Desk) -> None:
    (desk.folder / "index.json").write_bytes(gzip.compress(MARK + json.dumps(INDEX).encode()))
    truth = desk.write("gt.jsonl", lines(*TRUTH))
    for raw in (MARK + submission(PERFECT).encode(), gzip.compress(MARK + submission(PERFECT).encode())):
        values, notes = desk.score(truth, raw)
        assert (values["SVMR.R@1.tiou0.7.raw"], notes["byte_order_mark"]) == (100, 1)
    answers, notes = desk.score(
        desk.write("qa.json", MARK + b'{"1": 2}'), MARK + b'{"1": 2}', "--task", "qa", index=False
    )
    assert (answers["QA.accuracy"], notes["byte_order_mark"]) == (100, 1)


def test_an_empty_list_is_a_miss_where_missing_ones_are(desk: Desk) -> None:
    truth = desk.write("gt.jsonl", lines(*TRUTH))
    empty = submission([PERFECT[0], (2, []), PERFECT[2]])
    values, notes = desk.score(truth, empty, "--missing", "miss")
    assert (values["SVMR.R@1.tiou0.7.raw"], notes["missing_query"]) == (pytest.approx(200 / 3), 1)
    assert "query 2: empty list" in desk.refusal(truth, empty)
    twice = submission([PERFECT[0], (2, []), PERFECT[1], PERFECT[2]])
    assert "a second time" in desk.refusal(truth, twice, "--missing", "miss")


def test_the_truth_itself_scores_100_where_it_reaches_past_the_end(desk: Desk) -> None:
    long = [query(1, "kitchen", [2, 6]), query(2, "kitchen", [12, 31])]
    rows = submission([(1, [[7, 2, 6, 0.9]]), (2, [[7, 12, 31, 0.9]])])
    truth = desk.write("gt.jsonl", lines(*long))
    values, notes = desk.score(truth, rows)
    assert values["SVMR.R@1.tiou0.7.raw"] == values["SVMR.mean_tiou.raw"] == 100
    assert (notes["truth_past_end"], notes["past_end"]) == (1, 1)
    official, notes = desk.score(truth, rows, "--rules", "official")
    assert official["SVMR.R@1.tiou0.7.raw"] == 100
    assert "truth_past_end" not in notes
    assert main(["compare", "--truth", str(truth), "--video-index", str(desk.folder / "index.json")] + ["--json"]
                + [str(desk.folder / "c.json")] + [str(desk.folder / "p.json")] * 2) == 0  # fmt: skip
    differences = json.loads((desk.folder / "c.json").read_text())["differences"]
    assert {line["a"] for line in differences if line["key"].startswith("SVMR.R@1.")} == {100}


def test_truth_that_begins_before_its_video_is_clamped_there(desk: Desk) -> None:
    rows = ["vvvvvvvvvvv,[60:120],[55.0:70.0],he opens it", "vvvvvvvvvvv,[60:120],[70.0:130.0],she asks"]
    truth = desk.write("how2r.csv", lines(*rows))
    right = submission([(1, [[0, 0, 10, 0.9]]), (2, [[0, 10, 70, 0.9]])])
    values, notes = desk.score(truth, right, "--truth-form", "how2r", index=False)
    assert (values["SVMR.mean_tiou.raw"], notes["truth_past_end"], notes["past_end"]) == (100, 2, 1)
    assert "how2r.csv:1: desc_id 1" in desk.refusal(
        truth, right, "--truth-form", "how2r", "--past-end", "refuse", index=False
    )


def test_several_windows_are_clamped_each(desk: Desk) -> None:
    truth = desk.write("qvh.jsonl", highlights([[0, 10], [140, 160]], [[120, 170]]))
    rows = found([[0, 10, 0.9], [140, 160, 0.8]], [[120, 170, 0.9]])
    values, notes = desk.score(truth, rows, "--truth-form", "qvhighlights", index=False)
    assert (values["SVMR.QVHighlights.mAP"], values["SVMR.mean_tiou.raw"], notes["truth_past_end"]) == (100, 100, 2)


@pytest.mark.parametrize(("end", "over"), [(31, "11"), (20.01, "0.01")])
def test_truth_past_the_end_is_refused_by_line_where_asked(desk: Desk, end: float, over: str) -> None:
    truth = desk.write("gt.jsonl", lines(TRUTH[0], query(2, "kitchen", [12, end])))
    refused = desk.refusal(truth, submission(PERFECT[:2]), "--past-end", "refuse")
    assert f"gt.jsonl:2: desc_id 2: ts [12, {end}] of a video of 20 s reaches {over} s out of it" in refused


def test_windows_outside_a_video_that_is_said_to_be_shorter_are_counted(desk: Desk) -> None:
    """CASTELLA cuts lengths to whole seconds: [69, 70] of a video of 69 s, alone or beside others."""
    truth = desk.write("qvh.jsonl", highlights([[0, 10], [150, 151], [40, 160]], [[150, 151]], [[0, 10]]))
    rows = found([[0, 10, 0.9], [150, 151, 0.8], [40, 160, 0.7]], [[150, 151, 0.9]], [[0, 10, 0.9]])
    options = ("--truth-form", "qvhighlights")
    values, notes = desk.score(truth, rows, *options, index=False)
    assert (notes["truth_outside"], notes["truth_past_end"]) == (2, 1)
    assert values["SVMR.QVHighlights.R1@0.7"] == pytest.approx(200 / 3)
    without = found([[0, 10, 0.9], [40, 160, 0.7]], [[150, 151, 0.9]], [[0, 10, 0.9]])
    assert desk.score(truth, without, *options, index=False)[0]["SVMR.QVHighlights.mAP"] == pytest.approx(200 / 3)
    values, notes = desk.score(truth, rows, *options, "--rules", "official", index=False)
    assert (values["SVMR.QVHighlights.mAP"], notes.get("truth_outside")) == (100, None)
    refused = desk.refusal(truth, rows, *options, "--past-end", "refuse", index=False)
    assert "qvh.jsonl:1: desc_id q0: ts [150, 151] of a video of 150 s lies outside it" in refused


def test_what_floats_add_to_a_second_is_not_told(desk: Desk) -> None:
    truth = desk.write("gt.jsonl", lines(query(1, "kitchen", [2, 20 + 2e-14]), *TRUTH[1:]))
    right = submission([(1, [[7, 2, 20 + 2e-14, 0.9]]), *PERFECT[1:]])
    values, notes = desk.score(truth, right, "--past-end", "refuse")
    assert (values["SVMR.mean_tiou.raw"], notes.get("truth_past_end")) == (100, None)


def test_truth_outside_its_video_is_refused_by_line_where_a_query_has_one(desk: Desk) -> None:
    truth = desk.write("gt.jsonl", lines(TRUTH[0], query(2, "kitchen", [20, 31])))
    assert "gt.jsonl:2: desc_id 2: ts [20, 31] of a video of 20 s lies outside it" in desk.refusal(truth, "{}")


def test_texts_are_ids(desk: Desk) -> None:
    truth = desk.write("gt.jsonl", lines(*(row | {"desc_id": f'rq_"{row["desc_id"]}é'} for row in TRUTH)))
    lists = [(f'rq_"{number}é', rows) for number, rows in PERFECT]
    assert desk.score(truth, submission(lists))[0]["SVMR.R@1.tiou0.7.raw"] == 100
    backwards = lines(*({"task": "SVMR", "predictions": rows, "desc_id": number} for number, rows in reversed(lists)))
    assert desk.score(truth, backwards)[0]["SVMR.R@1.tiou0.7.raw"] == 100
    unknown = desk.refusal(truth, submission([*lists[:2], ("rq_\u202e4", PERFECT[2][1])]))
    assert "query rq_\\u202e4: desc_id rq_\\u202e4 is not a query" in unknown
    assert 'query rq_"3é: no list for this query' in unknown
    assert 'query rq_"2é: desc_id a second time' in desk.refusal(truth, submission([*lists, lists[1]]))
    broken = submission(lists).replace("[7, 10, 20, 0.9]", '[7, "10", 20, 0.9]')
    assert 'SVMR, query rq_"2é, row 0, column 1' in desk.refusal(truth, broken)


def test_many_unknown_texts_are_counted_and_the_first_named(desk: Desk) -> None:
    truth = desk.write("gt.jsonl", lines(query("a", "kitchen", [2, 6])))
    refused = desk.refusal(
        truth, submission([(f"x{n}", [[7, 2, 6, 0.9]]) for n in range(50)] + [("a", [[7, 2, 6, 1]])])
    )
    assert "query x0: desc_id x0 is not a query" in refused
    assert "and 30 more" in refused


@pytest.mark.parametrize("texts_in_truth", [False, True])
def test_the_other_kind_of_id_is_named_or_taken(texts_in_truth: bool, desk: Desk) -> None:
    kinds = (str, int) if texts_in_truth else (int, str)
    truth = desk.write("gt.jsonl", lines(*(row | {"desc_id": kinds[0](row["desc_id"])} for row in TRUTH)))
    lists = submission([(kinds[1](number), rows) for number, rows in PERFECT])
    found = "the whole number 1: expected a text" if texts_in_truth else "the text '1': expected the whole number 1"
    assert f"desc_id is {found}" in desk.refusal(truth, lists)
    values, notes = desk.score(truth, lists, "--rules", "official")
    assert (values["SVMR.R@1.tiou0.7.raw"], notes["other_kind_of_id"]) == (100, 3)


def test_a_text_that_is_no_number_never_is_one(desk: Desk) -> None:
    truth = desk.write("gt.jsonl", lines(*TRUTH))
    for text in ("01", "one", "1.0", "٣"):
        wrong = submission([(text, PERFECT[0][1]), *PERFECT[1:]])
        assert "expected a whole number" in desk.refusal(truth, wrong, "--rules", "official")


def highlights(*windows: list[list[float]]) -> str:
    return lines(
        *(
            {"qid": f"q{n}", "query": "-", "duration": 150, "vid": f"v{n}", "relevant_windows": spans}
            for n, spans in enumerate(windows)
        )
    )


def found(*windows: list[list[float]], **more: Any) -> str:
    return lines(
        *(
            {"qid": f"q{n}", "query": "-", "vid": f"v{n}", "pred_relevant_windows": spans} | more
            for n, spans in enumerate(windows)
        )
    )


def test_several_windows_a_query(desk: Desk) -> None:
    """Worked by hand: of q0's two windows the first row hits one at 1.0 and the third the other at 0.8."""
    truth = desk.write("qvh.jsonl", highlights([[0, 10], [50, 60]], [[0, 40]]))
    rows = found([[50, 60, 0.9], [100, 110, 0.8], [0, 8, 0.7]], [[0, 24, 0.5]], pred_saliency_scores=[0.5, -1.0])
    values, notes = desk.score(truth, rows, "--truth-form", "qvhighlights", index=False)
    both, one = (1 + 2 / 3) / 2, 1 / 2
    assert values["SVMR.QVHighlights.mAP@0.5"] == pytest.approx((both + 1) / 2 * 100)
    assert values["SVMR.QVHighlights.mAP@0.75"] == pytest.approx(both / 2 * 100)
    assert values["SVMR.QVHighlights.mAP"] == pytest.approx(((7 * both + 3 * one) / 10 + 3 / 10) / 2 * 100)
    assert (values["SVMR.QVHighlights.R1@0.5"], values["SVMR.QVHighlights.R1@0.7"]) == (100, 50)
    assert (values["SVMR.R@1.tiou0.5.raw"], values["SVMR.R@1.tiou0.7.raw"]) == (100, 50)
    assert values["SVMR.mean_tiou.raw"] == pytest.approx(80)
    assert notes["saliency"] == 2


def test_all_windows_found_is_100_and_a_row_counts_once(desk: Desk) -> None:
    truth = desk.write("qvh.jsonl", highlights([[0, 10], [50, 60]]))
    options = ("--truth-form", "qvhighlights")
    values, _ = desk.score(truth, found([[0, 10, 0.9], [50, 60, 0.8]]), *options, index=False)
    assert values["SVMR.QVHighlights.mAP"] == 100
    values, _ = desk.score(truth, found([[0, 10, 0.9], [0, 10, 0.8]]), *options, index=False)
    assert values["SVMR.QVHighlights.mAP"] == 50
    late = [[100, 110, 0.9 - n / 100] for n in range(10)] + [[0, 10, 0.1]]
    assert desk.score(truth, found(late), *options, index=False)[0]["SVMR.QVHighlights.mAP"] == 0


def test_windows_are_ranked_by_score_but_the_first_is_the_files(desk: Desk) -> None:
    truth = desk.write("qvh.jsonl", highlights([[0, 10]]))
    unsorted = found([[80, 90, 0.1], [0, 10, 0.9]])
    values, notes = desk.score(truth, unsorted, "--truth-form", "qvhighlights", "--rules", "official", index=False)
    assert (values["SVMR.QVHighlights.mAP"], values["SVMR.QVHighlights.R1@0.5"]) == (100, 0)
    assert notes["unsorted"] == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"qid": "q0", "vid": "nowhere", "pred_relevant_windows": []}, "line 1: vid 'nowhere' is not a video"),
        ({"qid": "q0", "vid": "v0"}, "line 1: Object missing required field `pred_relevant_windows`"),
        ({"qid": "q0", "vid": "v0", "pred_relevant_windows": [[1, 2]]}, "line 1: Expected `array` of length 3"),
        ({"qid": "q0", "vid": "v0", "pred_relevant_windows": [], "x": 1}, "unknown field `x`"),
        ({"qid": "q0", "vid": "v0", "pred_relevant_windows": [[9, 2, 1]]}, "end 2.0 s is before start"),
        ({"qid": "q1", "vid": "v0", "pred_relevant_windows": [[1, 2, 1]]}, "query q1: desc_id q1 is not a query"),
        ({"qid": 2**63, "vid": "v0", "pred_relevant_windows": [[1, 2, 1]]}, "line 1: Expected `int` <= 9223372036854"),
    ],
)
def test_bad_windows_are_refused_with_their_place(line: Json, message: str, desk: Desk) -> None:
    truth = desk.write("qvh.jsonl", highlights([[0, 10]]))
    assert message in desk.refusal(truth, lines(line), "--truth-form", "qvhighlights", index=False)


def test_windows_in_another_encoding_are_refused_with_their_line(desk: Desk) -> None:
    truth = desk.write("qvh.jsonl", highlights([[0, 10]], [[0, 10]]))
    rows = found([[0, 10, 0.9]], [[0, 10, 0.9]]).replace('"q1"', '"q*"').encode().replace(b"*", b"\xe9")
    desk.score(truth, rows, "--truth-form", "qvhighlights", index=False, status=2)
    assert "line 2: 'utf-8'" in desk.capsys.readouterr().err


@pytest.mark.parametrize("window", [1 << 20, 300])
def test_windows_cross_the_readers_window(window: int, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.predictions.json.reader.WINDOW", window)
    truth = desk.write("qvh.jsonl", highlights(*[[[0, 10]]] * 40))
    rows = found(*[[[0, 10, 0.9]]] * 40)
    for text in (rows, rows.rstrip("\n"), rows.replace("\n", "\r\n\r\n")):
        values, _ = desk.score(truth, text, "--truth-form", "qvhighlights", index=False)
        assert values["SVMR.QVHighlights.mAP"] == 100


def test_videos_alone_are_scored_alone(desk: Desk) -> None:
    rows = [{"vid_name": "kitchen", "desc": "-", "desc_id": 1}, {"vid_name": "garden", "desc": "-", "desc_id": 2}]
    truth = desk.write("yc2r.jsonl", lines(*rows))
    values, _ = desk.score(truth, submission([(1, [7, 8]), (2, [7, 8])], "VR"))
    assert values["VR.R@1"] == 50
    assert not any(key.startswith(("SVMR", "VCMR")) for key in values)
    assert "says in which video, not when" in desk.refusal(truth, submission([(1, [[7, 2, 6, 0.9]])]))
    mixed = desk.write("mixed.jsonl", lines(*rows, TRUTH[2]))
    assert "mixed.jsonl:1: desc_id 1 has no moment, others have" in desk.refusal(mixed, "{}")


def test_as_many_options_as_there_are(desk: Desk) -> None:
    five = {f"a{n}": f"answer {n}" for n in range(5)}
    rows = [
        {"qid": 1, "vid_name": "v", "q": "what?", **five, "answer_idx": 4},
        {"qid": 2, "vid_name": "v", "q": "who?", "a0": "he", "a1": "she", "a2": "it", "answer_idx": 1},
    ]
    truth = desk.write("qa.jsonl", lines(*rows))
    assert desk.score(truth, '{"1": 4, "2": 1}', "--task", "qa", index=False)[0] == {"QA.accuracy": 100}
    assert "query 2: answer is 3: expected 0 .. 2" in desk.refusal(
        truth, '{"1": 4, "2": 3}', "--task", "qa", index=False
    )
    array = desk.write("tvqa_plus.json", json.dumps([row | {"answer_idx": str(row["answer_idx"])} for row in rows]))
    options = ("--task", "qa", "--truth-form", "tvqa+")
    assert desk.score(array, '{"1": 4, "2": 0}', *options, index=False)[0] == {"QA.accuracy": 50}
    assert "named with --truth-form" in desk.refusal(array, "{}", "--task", "qa", index=False)


ANSWERS = {
    "bare": ("qa.json", '{"1": 4, "2": 0}', None),
    "nested": ("tvqa.json", '{"split": "val", "solution": {"House": {"1": 4}, "Castle": {"2": 0}}}', None),
    "VIOLIN": (
        "violin.jsonl",
        lines(
            {"vid_name": "c", "statement": "-", "example_id": 1, "answer": 1},
            {"vid_name": "c", "statement": "-", "example_id": 2, "answer": 0},
        ),
        "value",
    ),
}


@pytest.mark.parametrize("form", ANSWERS)
def test_solutions_by_other_names(form: str, desk: Desk) -> None:
    name, text, form_name = ANSWERS[form]
    options = ("--task", "qa", *(("--truth-form", form_name) if form_name else ()))
    right = '{"1": 1, "2": 1}' if form_name else '{"1": 4, "2": 1}'
    assert desk.score(desk.write(name, text), right, *options, index=False)[0]["QA.accuracy"] == 50


def test_published_questions_are_scored_though_their_options_repeat(desk: Desk) -> None:
    row = {"qid": 1, "vid_name": "v", "q": "what?", "a0": "a cup", "a1": "A  cup", "a2": "", "answer_idx": 1}
    truth = desk.write("qa.jsonl", lines(row))
    assert desk.score(truth, '{"1": 1}', "--task", "qa", index=False)[0]["QA.accuracy"] == 100


def test_questions_have_texts_for_ids(desk: Desk) -> None:
    truth = desk.write("qa.json", '{"rq_1": 2, "rq_2": 0}')
    options = ("--task", "qa")
    assert desk.score(truth, '{"rq_2": 0, "rq_1": 1}', *options, index=False)[0]["QA.accuracy"] == 50
    refused = desk.refusal(truth, '{"rq_2": 0, "rq_3": 1}', *options, index=False)
    assert "query rq_3: not a question of this split" in refused
    assert "query rq_1: no answer to this question" in refused


@pytest.mark.parametrize(
    ("form", "text", "options", "message"),
    [
        ("tvr", lines(*TRUTH, "{"), (), "gt.jsonl:4: line is no JSON"),
        ("tvr", lines(*TRUTH, TRUTH[0]), (), "gt.jsonl:4: id 1 a second time, first in line 1"),
        ("tvr", lines(query(1, "attic", [1, 2])), (), "gt.jsonl:1: desc_id 1: video 'attic' is not in the video index"),
        ("tvr", lines({"desc": "-", "desc_id": 1}), (), "gt.jsonl:1: desc_id 1 names no video"),
        ("tvr", "", (), "gt.jsonl: no rows, expected TVR"),
        (
            "tvqa",
            lines({"qid": 1, "vid_name": "v", "q": "?", "a0": "x", "a1": "y"}),
            ("--task", "qa"),
            "no right answer",
        ),
        ("msrvtt-qa", '[{"id": 1, "video_id": 2, "question": "?", "answer": "x"}]', ("--task", "qa"), "has one option"),
        ("tvr", lines(*TRUTH), ("--task", "qa"), "gt.jsonl:1: holds queries, expected questions"),
    ],
)
def test_a_truth_that_cannot_be_used_is_refused_by_line(
    form: str, text: str, options: tuple[str, ...], message: str, desk: Desk
) -> None:
    refused = desk.refusal(desk.write("gt.jsonl", text), "{}", "--truth-form", form, *options)
    assert message in refused
    assert "release" not in refused


def test_durations_come_from_somewhere(desk: Desk) -> None:
    truth = desk.write("sta.txt", "kitchen 2.0 6.0##he opens the door\n")
    options = ("--truth-form", "charades-sta")
    assert "says no duration of its video" in desk.refusal(truth, "{}", *options, index=False)
    assert desk.score(truth, submission([(1, [[7, 2, 6, 0.9]])]), *options)[0]["SVMR.R@1.tiou0.7.raw"] == 100
    two = desk.write("gt.jsonl", lines(TRUTH[0], query(2, "kitchen", [1, 2], duration=21)))
    assert "its video lasts 21 s, before 20" in desk.refusal(two, "{}", "--truth-form", "tvr", index=False)
