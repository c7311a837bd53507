"""A clean release is not convicted; each known leak, put into one, is caught by its name."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adversarial.leaks import moments
from adversarial.leaks.audit import audit_release
from adversarial.leaks.view import open_audited

from .world import (
    COLOURS,
    DEEDS,
    PEOPLE,
    THINGS,
    World,
    make_world,
    only_moments,
    only_questions,
    right_text,
    write_world,
)


def blocked(tmp_path: Path, world: World, **how: Any) -> list[str]:
    return list(audit_release(write_world(tmp_path, world, **how))["blocked"])


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_clean_release_is_not_convicted(tmp_path: Path, seed: int) -> None:
    report = audit_release(write_world(tmp_path, make_world(seed)), seed=seed)
    assert report["blocked"] == []
    assert report["proofs"] == {}
    assert {row["kind"] for row in report["rows"]} == {"cross-task", "across splits", "file level", "bookkeeping"}
    assert {row["task"] for row in report["rows"]} == {"moment", "qa"}


def test_times_in_public_qa_rows(tmp_path: Path) -> None:
    """Version 1 and the platform's own habit: query and question are written about the same segment."""
    world = make_world(shared=True)
    for split, rows in world.questions.items():
        rows[:] = [_about(moment, row) for moment, row in zip(world.moments[split], rows, strict=False)]
    report = audit_release(write_world(tmp_path, world, version=1))
    convicted = {(row["attack"], row["metric"]) for row in report["rows"] if row["blocks"]}
    assert ("QA rows: question, tf-idf", "VCMR.R@1.tiou0.7.raw") in convicted
    assert ("QA rows: question, MiniLM", "SVMR.R@1.tiou0.7.raw") in convicted


def test_right_answers_each_lent_once(tmp_path: Path) -> None:
    """All options but the lent one are of the kind that is asked for, so an item alone tells little."""
    kinds = [("Where is", "in the yard"), ("When is", "at noon"), ("With whom is", "with a friend")]
    world = only_questions(make_world(clips=20))
    for rows in world.questions.values():
        for row in rows:
            asked, said = world.rng.choice(kinds)
            row["q"] = f"{asked} it that {row['q'].split('that ')[1]}"
            row |= {f"a{place}": f"{row[f'a{place}']} {said}" for place in range(4)}
        lent = [right_text(row) for row in rows]
        for row, text in zip(rows, lent[5:] + lent[:5], strict=True):
            row[f"a{(row['answer_idx'] + 1) % 4}"] = text
    found = blocked(tmp_path, world)
    assert "right places a text, assignment, with all models" in found
    assert "right places a text, sum-product, with all models" in found


def test_right_answers_never_lent(tmp_path: Path) -> None:
    """Wrong answers come from a few of each split's own, so that no labelled split names those of test."""
    world = only_questions(make_world())
    for rows in world.questions.values():
        few = [right_text(row) for row in world.rng.sample(rows, 12)]
        for row in rows:
            wrong = world.rng.sample([text for text in few if text != right_text(row)], 3)
            row |= {f"a{place}": wrong.pop() for place in range(4) if place != row["answer_idx"]}
    assert "fewest places of the text" in blocked(tmp_path, world)


def test_queries_of_the_hidden_split_name_the_right_answers(tmp_path: Path) -> None:
    world = make_world(shared=True, each=5)
    for split, rows in world.questions.items():
        for row, moment in zip(rows, world.moments[split], strict=True):
            moment["desc"] = f"somebody takes {right_text(row)}"
    assert "moment queries: option, MiniLM, with all models" in blocked(tmp_path, world, shared=True)


def _sha256(row: dict[str, Any]) -> int:
    text = f"{row['vid_name']}|{row['ts'][0]}|{row['ts'][1]}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % 2**31


def _md5(row: dict[str, Any]) -> int:
    text = f"{row['desc']}_{row['ts'][0]:.2f}-{row['ts'][1]:.2f}"
    return int(hashlib.md5(text.encode()).hexdigest()[:8], 16)


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        (_sha256, "sha256 of clip + start + end joined by '|', numbers %r; 8 bytes big-endian modulo 2147483648"),
        (_md5, "md5 of text + start-end joined by '_', numbers %.2f; first 8 hex digits"),
    ],
)
def test_ids_that_hash_the_times(tmp_path: Path, recipe: Callable[[dict[str, Any]], int], name: str) -> None:
    world = only_moments(make_world())
    for row in world.hidden_moments:
        row["desc_id"] = recipe(row)
    assert blocked(tmp_path, world) == [f"desc_id is {name}"]


def test_ids_that_hash_the_answer(tmp_path: Path) -> None:
    world = only_questions(make_world())
    for row in world.hidden_questions:
        digest = hashlib.sha1(f"{row['q']}:{right_text(row)}".encode()).digest()
        row["qid"] = int.from_bytes(digest, "big") % 10**9
    name = "qid is sha1 of text + right answer joined by ':'; all bytes big-endian modulo 1000000000"
    assert blocked(tmp_path, world) == [name]


def test_rows_sorted_by_time(tmp_path: Path) -> None:
    world = only_moments(make_world(clips=24))
    for rows in world.moments.values():
        rows.sort(key=lambda row: row["ts"])
    assert blocked(tmp_path, world) == ["rows by file, times rising"]


def test_ids_that_rise_with_time_inside_each_clip(tmp_path: Path) -> None:
    world = only_moments(make_world(each=6))
    for rows in world.moments.values():
        by_clip = defaultdict(list)
        for row in rows:
            by_clip[row["vid_name"]].append(row)
        for clip_rows in by_clip.values():
            ids = sorted(row["desc_id"] for row in clip_rows)
            for number, row in enumerate(clip_rows):
                step = row["duration"] / 6
                row |= {"desc_id": ids[number], "ts": [number * step, (number + 0.8) * step]}
        world.rng.shuffle(rows)
    assert blocked(tmp_path, world) == ["rows by id, times rising within the clip"]


def test_rows_sorted_by_clip(tmp_path: Path) -> None:
    """Nobody says a word: the order alone tells, and no attack by text may owe its hits to it."""
    world = only_moments(make_world(each=4))
    for row in world.subtitles:
        row["sub"] = []
    place = {name: index for index, name in enumerate(world.clips["moment"]["test_public"])}
    world.hidden_moments.sort(key=lambda row: place[row["vid_name"]])
    found = blocked(tmp_path, world)
    assert "rows by file, clips by index" in found
    assert all(name.startswith("rows by file, clips by index") for name in found)


def test_rows_roughly_sorted_by_clip(tmp_path: Path) -> None:
    """Clips with one query beside clips with many: only a path that follows the subtitles stays in step."""
    world = only_moments(make_world(clips=32, seed=1))
    said = {row["vid_name"]: " ".join(line["text"].split()[-1] for line in row["sub"]) for row in world.subtitles}
    place = {name: index for index, name in enumerate(world.clips["moment"]["test_public"])}
    many = list(place)[:4]
    world.hidden_moments.sort(key=lambda row: place[row["vid_name"]])
    rows = [row for row in world.hidden_moments if row["vid_name"] in many or world.rng.random() < 0.5]
    for number, row in enumerate(rows):
        if number % 3 == 0:
            row["desc"] = f"{row['desc']} near {said[row['vid_name']]}"
    world.hidden_moments[:] = rows
    assert "rows by file, clips by index, with subtitles" in blocked(tmp_path, world)


def test_one_query_copied_into_train(tmp_path: Path) -> None:
    world = only_moments(make_world())
    hidden, copied = world.hidden_moments[7], world.moments["train"][3]
    copied |= {"desc": hidden["desc"].upper() + " .", "ts": [hidden["ts"][0] + 0.04, hidden["ts"][1]]}
    report = audit_release(write_world(tmp_path, world))
    assert report["proofs"] == {"moment copied from a labelled split": [hidden["desc_id"]]}
    assert report["blocked"] == ["moment copied from a labelled split"]


def test_a_general_text_with_other_times_as_well_proves_nothing(tmp_path: Path) -> None:
    world = only_moments(make_world())
    hidden, copied, other = world.hidden_moments[7], *world.moments["train"][3:5]
    copied |= {"desc": hidden["desc"], "ts": hidden["ts"]}
    other |= {"desc": hidden["desc"], "ts": [hidden["ts"][0] + 0.2, hidden["ts"][1] + 0.2]}
    assert audit_release(write_world(tmp_path, world))["blocked"] == []


def test_clips_and_queries_copied_into_train(tmp_path: Path) -> None:
    """Copies under another clip name, half a second off: no proof, but the times and the clip's twin are found."""
    world = only_moments(make_world())
    spoken = {row["vid_name"]: row["sub"] for row in world.subtitles}
    twins = dict(zip(world.clips["moment"]["train"], world.clips["moment"]["test_public"], strict=True))
    for row in world.subtitles:
        row["sub"] = spoken[twins.get(row["vid_name"], row["vid_name"])]
    home = {test: train for train, test in twins.items()}
    for copied, hidden in zip(world.moments["train"], world.hidden_moments, strict=False):
        start, end = hidden["ts"]
        copied |= {"vid_name": home[hidden["vid_name"]], "desc": hidden["desc"], "ts": [start + 0.3, end + 0.3]}
    found = blocked(tmp_path, world)
    assert {"nearest labelled query, tf-idf", "nearest labelled query, MiniLM"} <= set(found)


def test_of_a_large_release_some_clips_are_attacked_and_convict_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times copied into train, and ids that name the clip by its place among all hidden ones, drawn or not."""
    monkeypatch.setattr(moments, "MOST_HIDDEN", 60)
    monkeypatch.setattr(moments, "MOST_READ", 200)
    world = only_moments(make_world(clips=40))
    place = {name: number for number, name in enumerate(world.clips["moment"]["test_public"])}
    for number, row in enumerate(world.hidden_moments, start=10):
        row["desc_id"] = number * len(place) + place[row["vid_name"]]
    seconds = {name: clip[0] for clips in world.clips["moment"].values() for name, clip in clips.items()}
    for copied, hidden in zip(world.moments["train"], world.hidden_moments, strict=False):
        longer = seconds[copied["vid_name"]] / seconds[hidden["vid_name"]]
        copied |= {"desc": hidden["desc"], "ts": [longer * at for at in hidden["ts"]]}
    report = audit_release(write_world(tmp_path, world))
    by_text = {"nearest labelled query, tf-idf", "nearest labelled query, MiniLM"}
    assert {"id modulo the number of clips", *by_text} <= set(report["blocked"])
    (note,) = (note for note in report["notes"] if "drawn" in note)
    drawn, _, every = note.removeprefix("moment: ").split(" ")[:3]
    assert 40 < int(drawn) <= 60 < int(every) == len(world.hidden_moments)


@pytest.mark.parametrize("most", [1, 17, 60, 10_000])
def test_what_is_drawn_are_whole_clips_in_their_order(
    tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments, "MOST_HIDDEN", most)
    truth = open_audited(write_world(tmp_path, only_moments(make_world()))).moments
    assert truth is not None
    hidden = moments.drawn(truth, seed=3)
    part, clips = hidden.truth, hidden.truth.videos
    assert hidden.row.tolist() == sorted(hidden.row)
    assert len(part) <= most or len(clips) == 1
    assert {truth.videos.names[at] for at in truth.video[hidden.row]} <= set(clips.names)
    others = np.setdiff1d(np.arange(len(truth)), hidden.row)
    assert not {truth.videos.names[at] for at in truth.video[others]} & set(clips.names)
    for at, row in enumerate(hidden.row):
        assert (part.desc_ids[at], part.desc[at], part.start[at], part.end[at], part.types[at]) == (
            truth.desc_ids[row], truth.desc[row], truth.start[row], truth.end[row], truth.types[row]
        )  # fmt: skip
        assert clips.names[part.video[at]] == truth.videos.names[truth.video[row]]
    for at, own in enumerate(hidden.place):
        if own >= 0:
            assert (clips.names[own], clips.ids[own], clips.durations[own]) == (
                truth.videos.names[at], truth.videos.ids[at], truth.videos.durations[at]
            )  # fmt: skip
    assert (hidden.place >= 0).sum() == len(clips)


def test_one_question_copied_into_val(tmp_path: Path) -> None:
    world = only_questions(make_world())
    hidden = world.hidden_questions[2]
    options = [hidden[f"a{place}"] for place in range(4)]
    turned = options[1:] + options[:1]
    world.questions["val"][0] |= {
        "q": hidden["q"],
        **{f"a{place}": text for place, text in enumerate(turned)},
        "answer_idx": turned.index(right_text(hidden)),
    }
    report = audit_release(write_world(tmp_path, world))
    assert report["proofs"] == {"question copied from a labelled split": [hidden["qid"]]}


def test_questions_whose_answers_stand_in_train(tmp_path: Path) -> None:
    world = only_questions(make_world())
    for hidden, row in zip(world.hidden_questions, world.questions["train"], strict=False):
        row["q"] = hidden["q"] = f"{hidden['q']} Look at number {hidden['qid']}."
        row[f"a{row['answer_idx']}"] = right_text(hidden)
    found = blocked(tmp_path, world)
    assert "nearest labelled questions, tf-idf" in found


def _place_right(row: dict[str, Any], place: int) -> None:
    right = row["answer_idx"]
    row[f"a{place}"], row[f"a{right}"], row["answer_idx"] = row[f"a{right}"], row[f"a{place}"], place


def test_right_answer_goes_round_with_the_rows(tmp_path: Path) -> None:
    world = only_questions(make_world())
    for rows in world.questions.values():
        for number, row in enumerate(rows):
            _place_right(row, number % 4)
    found = blocked(tmp_path, world)
    recipe = "places of the right answers: row number // 1, rows by file"
    assert set(found) == {"place by row modulo 4", "place by row modulo 8", recipe}


def test_right_answer_stands_where_a_hash_of_the_id_says(tmp_path: Path) -> None:
    world = only_questions(make_world())
    for rows in world.questions.values():
        for row in rows:
            _place_right(row, int(hashlib.md5(str(row["qid"]).encode()).hexdigest(), 16) % 4)
    assert blocked(tmp_path, world) == ["place by md5 of the id"]


def test_wrong_answers_stand_sorted(tmp_path: Path) -> None:
    """The right one was put where it breaks the order of the others."""
    world = only_questions(make_world())
    for rows in world.questions.values():
        for row in rows:
            texts = sorted(row[f"a{place}"] for place in range(4))
            right = world.rng.choice((0, 3))
            texts.insert(3 - right, texts.pop(right))
            row |= {f"a{place}": text for place, text in enumerate(texts)} | {"answer_idx": 3 - right}
    assert "others sorted by alphabet" in blocked(tmp_path, world)


def test_right_answer_has_the_lowest_hash(tmp_path: Path) -> None:
    world = only_questions(make_world())
    for rows in world.questions.values():
        for row in rows:
            digests = [hashlib.md5(row[f"a{place}"].encode()).digest() for place in range(4)]
            row["answer_idx"] = digests.index(min(digests))
    assert "rank by md5 of the text" in blocked(tmp_path, world)


def test_every_clip_has_as_many_queries(tmp_path: Path) -> None:
    """Of four clips with the same words one says nothing else: it is nearest to the queries of all four."""
    world = only_moments(make_world(each=4))
    clips = list(world.clips["moment"]["test_public"])
    words = [f"{colour}{thing}" for colour in COLOURS for thing in THINGS]
    shared, extra = {}, {}
    for place, name in enumerate(clips):
        shared[name] = " ".join((THINGS[place // 4], PEOPLE[place // 4], DEEDS[place // 4]))
        extra[name] = [words.pop() for _ in range(24)] if place % 4 else []
    for row in world.subtitles:
        if name := shared.get(row["vid_name"]):
            row["sub"][0]["text"] = " ".join([name, *extra[row["vid_name"]]])
            del row["sub"][1:]
    for number, row in enumerate(world.hidden_moments):
        row["desc"] = " ".join([shared[row["vid_name"]], *extra[row["vid_name"]][number % 24 :][:1]])
    assert "4 queries a clip, tf-idf" in blocked(tmp_path, world)


def _about(moment: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    start, end = moment["ts"]
    return row | {
        "vid_name": moment["vid_name"],
        "ts": f"{start}-{end}",
        "q": f"What is it that {moment['desc']} with?",
    }


def test_a_file_that_nobody_reads(tmp_path: Path) -> None:
    """Listed as public, it may hold the truth; so may one that is not listed at all."""
    folder = write_world(tmp_path, only_moments(make_world()))
    (folder / "moment/tvr/test.jsonl").write_text("{}\n")
    report = audit_release(folder)
    assert report["proofs"] == {"public files outside the format": ["moment/tvr/test.jsonl"]}


def test_music_marks_the_moments(tmp_path: Path) -> None:
    world = only_moments(make_world())
    spans = {row["vid_name"]: row["ts"] for row in world.hidden_moments}
    for row in world.subtitles:
        if row["vid_name"] in spans:
            start, end = spans[row["vid_name"]]
            row["sub"] = [*row["sub"], {"text": "\u266a", "start": start, "end": end}]
    world.hidden_moments[:] = [row for row in world.hidden_moments if row["ts"] == spans[row["vid_name"]]] * 1
    assert "subtitle without words" in blocked(tmp_path, world)
