"""A file of any form as the truth to score on: every row must be one, and each error names its line."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.forms.questions import read_solution
from evaluation.forms.records import FormError, Id, Moment, Question, RowFault, Window, fitted
from evaluation.forms.table import FORMS, Form
from evaluation.predictions.ids import CANONICAL_ID
from evaluation.release import MomentQueries, Questions, VideoIndex, Windows

Kind = TypeVar("Kind", Moment, Question)
KINDS = {Moment: "queries", Question: "questions"}
NOWHEN = (Window(np.nan, np.nan),)


def read_truth_moments(
    path: Path, form: str = "tvr", videos: VideoIndex | None = None, *, refuse_past_end: bool = False
) -> MomentQueries:
    """The queries of a file; `videos` are those to search, without it the file's own, numbered in its order.

    Raises FormError, with `refuse_past_end` also for a moment that reaches out of its video. One that lies outside is
    refused in any case, but in forms with several a query, whose videos are longer than the seconds that they state.
    """
    moments = _records(path, FORMS[form], Moment)
    index = _own_videos(path, moments) if videos is None else videos
    durations = dict(zip(index.names, index.durations.tolist(), strict=True))
    for moment in moments:
        duration = None if moment.video is None else durations.get(moment.video)
        if duration is None or not all(start >= 0 and end <= duration for start, end in moment.windows):
            where = f"{path}:{moment.line}: desc_id {moment.id}"
            _check_place(where, moment, duration, refuse_past_end, FORMS[form].several)
    if len({bool(moment.windows) for moment in moments}) > 1:
        bare = next(moment for moment in moments if not moment.windows)
        raise FormError(f"{path}:{bare.line}: desc_id {bare.id} has no moment, others have: expected all or none")
    windows = [moment.windows or NOWHEN for moment in moments]
    flat = np.array([span for spans in windows for span in spans], np.float64)
    offsets = np.concatenate([[0], np.cumsum([len(spans) for spans in windows], dtype=np.int64)])
    has_several = FORMS[form].several or len(flat) > len(windows)
    ids, names = _ids([moment.id for moment in moments])
    return MomentQueries(
        desc_ids=ids,
        desc=[moment.text for moment in moments],
        types=np.array([moment.type or "" for moment in moments], "U2"),
        video=np.array([index.position[str(moment.video)] for moment in moments], np.int64),
        start=flat[offsets[:-1], 0],
        end=flat[offsets[:-1], 1],
        videos=index,
        several=Windows(offsets, flat[:, 0].copy(), flat[:, 1].copy()) if has_several else None,
        names=names,
    )


def read_truth_questions(path: Path, form: str | None = None) -> Questions:
    """The questions of a file, without a form those of TVQA's JSONL or a bare {"qid": answer}. Raises FormError."""
    if form is None and ".jsonl" not in path.suffixes:
        return _answer_key(path)
    questions = _records(path, FORMS[form or "tvqa"], Question)
    for question in questions:
        where = f"{path}:{question.line}: qid {question.id}"
        if question.answer is None:
            raise FormError(f"{where} has no right answer: its truth is withheld, or in another file")
        if len(question.options) < 2:
            raise FormError(f"{where} has one option: open questions are not scored, only those with a choice")
    ids, names = _ids([question.id for question in questions])
    return Questions(
        qids=ids,
        q=[question.text for question in questions],
        options=[question.options for question in questions],
        video=[question.video for question in questions],
        span=np.array([(question.windows or NOWHEN)[0] for question in questions], np.float64),
        answer=np.array([question.answer for question in questions], np.int64),
        names=names,
    )


def _answer_key(path: Path) -> Questions:
    try:
        answers = read_solution(path)
    except RowFault as fault:
        raise FormError(f"{path}: {fault}") from fault
    except FormError as error:
        raise FormError(f"{error} (another form than answers by their question is named with --truth-form)") from error
    numbers = all(CANONICAL_ID.fullmatch(qid) for qid in answers)
    ids, names = _ids([int(qid) if numbers else qid for qid in answers])
    nowhen = np.full((len(answers), 2), np.nan)
    return Questions(ids, [], [], [], nowhen, np.array(list(answers.values()), np.int64), names)


def _records(path: Path, form: Form, kind: type[Kind]) -> list[Kind]:
    """All records of a truth, at least one, all of a kind; a row that is none is an error here."""
    records: list[Kind] = []
    for record in form.read(path):
        if isinstance(record, kind):
            records.append(record)
        elif isinstance(record, Moment | Question):
            raise FormError(f"{path}:{record.line}: holds {KINDS[type(record)]}, expected {KINDS[kind]} (--task)")
        elif record.lost:
            raise FormError(f"{path}:{record.line}: {record.what} {record.why}")
    if not records:
        raise FormError(f"{path}: no rows, expected {form.about}")
    return records


def _own_videos(path: Path, moments: Sequence[Moment]) -> VideoIndex:
    durations: dict[str, float] = {}
    for moment in moments:
        where = f"{path}:{moment.line}: desc_id {moment.id}"
        if moment.video is None:
            raise FormError(f"{where} names no video: its truth is withheld, or in another file")
        if moment.duration is None:
            raise FormError(f"{where} says no duration of its video: give it with --video-index (video2dur_idx.json)")
        if durations.setdefault(moment.video, moment.duration) != moment.duration:
            raise FormError(f"{where}: its video lasts {moment.duration:g} s, before {durations[moment.video]:g}")
    return VideoIndex(list(durations), np.arange(len(durations)), np.array(list(durations.values()), np.float64))


def _check_place(
    where: str, moment: Moment, duration: float | None, refuse_past_end: bool, may_lie_outside: bool
) -> None:
    if moment.video is None:
        raise FormError(f"{where} names no video: its truth is withheld, or in another file")
    if duration is None:
        raise FormError(f"{where}: video {moment.video!r} is not in the video index of this split")
    _, faults = fitted(Moment(line=0, id=0, text="", windows=moment.windows, duration=duration))
    for fault in faults:
        if refuse_past_end or (fault.lost and not may_lie_outside):
            raise FormError(f"{where}: {fault.what} {fault.why}")


def _ids(ids: Sequence[Id]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(numbers, names): texts where any id is one, with their places for numbers."""
    if any(isinstance(id, str) for id in ids):
        return np.arange(len(ids)), tuple(map(str, ids))
    return np.array(ids, np.int64), ()
