"""Sentences come to a video whole or not at all, fit its film, and never change under what annotators saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import IntegrityError

from annotation.media.attach import Attached, attach, fit_to_film
from annotation.media.import_list import Wanted
from annotation.media.ingest import ingest
from annotation.media.subtitles import Cue, SubtitleError, Track
from annotation.media.videos import take
from annotation.models import Clip, Hit, Segment, Subtitle, SubtitleTrack, Video
from annotation.models.crowd import Kind
from tests.annotation.media.subtitles.files import ass, srt, youtube

pytestmark = pytest.mark.django_db

SPOKEN = [(1.0, 2.5, "Look at this"), (3.0, 4.0, "It rolls")]


def track(*cues: tuple[float, float, str]) -> Track:
    return Track(tuple(Cue(*cue) for cue in cues), form="srt")


def add_video(path: Path, *, public_id: str, subtitles: Path) -> Video:
    return take(Wanted(path, public_id, subtitles=subtitles))[0]


def said() -> list[tuple[float, float, str]]:
    return list(Subtitle.objects.values_list("start", "end", "text"))


@pytest.fixture
def video() -> Video:
    video = Video.objects.create(public_id="film", state=Video.State.READY, sha256="0" * 64, duration=30.0, fps=25.0)
    Clip.objects.create(video=video, start=0.0, end=30.0)
    return video


def test_taken_known_replaced(video: Video) -> None:
    assert attach(video, track(*SPOKEN), "film.srt") == Attached("taken", 2, ())
    before = list(Subtitle.objects.values())
    assert attach(video, track(*SPOKEN), "again.srt").result == "known"
    assert list(Subtitle.objects.values()) == before
    assert attach(video, track((0.0, 1.0, "Other words")), "other.srt").result == "replaced"
    assert said() == [(0.0, 1.0, "Other words")]
    assert SubtitleTrack.objects.get().name == "other.srt"


def test_cues_outside_the_film_are_listed_with_the_video(video: Video) -> None:
    done = attach(video, track(*SPOKEN, (29.0, 33.0, "over"), (40.0, 41.0, "credits")), "film.srt")
    assert said() == [*SPOKEN, (29.0, 30.0, "over")]
    assert [str(problem) for problem in done.problems] == SubtitleTrack.objects.get().problems
    assert len(done.problems) == 2


def test_milliseconds_change_nothing(video: Video) -> None:
    attach(video, track(*SPOKEN), "film.srt")
    with pytest.raises(SubtitleError, match="the times look like milliseconds, expected seconds"):
        attach(video, track(*((start * 1000, end * 1000, text) for start, end, text in SPOKEN)), "ms.srt")
    assert said() == SPOKEN


def test_what_the_database_refuses_is_a_reason_and_changes_nothing(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach(video, track(*SPOKEN), "film.srt")
    monkeypatch.setattr("annotation.media.attach.fit_film", lambda cues, *_: (list(cues), []))
    with pytest.raises(SubtitleError, match=r"the database refuses it: .*subtitle_start_before_end"):
        attach(video, track((5.0, 4.0, "backwards")), "film.srt")
    assert said() == SPOKEN


def test_a_video_that_a_batch_asks_about_keeps_its_words(
    clip: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    make_hit(Kind.QUERY, segment=segment)
    with pytest.raises(SubtitleError, match="the batch “query batch” asks about it"):
        attach(clip.video, track(*SPOKEN), "film.srt")
    same = [(row.start, row.end, row.text) for row in clip.video.subtitles.all()]
    assert attach(clip.video, track(*same), "film.srt").result == "known"


def test_a_video_with_collected_segments_keeps_its_words(segment: Segment) -> None:
    with pytest.raises(SubtitleError, match="segments of it are collected"):
        attach(segment.clip.video, track(*SPOKEN), "film.srt")


def test_a_film_comes_in_with_the_cues_that_are_good(make_video_file: Callable[..., Path], tmp_path: Path) -> None:
    """The cue that ends before it begins gave an IntegrityError and left the film's file behind."""
    path = tmp_path / "film.srt"
    path.write_text(srt([*SPOKEN, (5.5, 4.5, "backwards"), (70.0, 71.0, "credits")]))
    video = add_video(make_video_file(), public_id="film", subtitles=path)
    assert SubtitleTrack.objects.get().problems == ["line 10: ends at 4.5 s, before it begins at 5.5 s"]
    ingest(video.pk)
    assert [row["text"] for row in Clip.objects.get().subtitles()] == ["Look at this", "It rolls"]
    assert SubtitleTrack.objects.get().problems[1:] == ["at 70 s: lies outside the film: 70 to 71 s, it has 6 s"]
    assert said() == SPOKEN


@pytest.mark.parametrize(
    ("name", "write"), [("film.vtt", lambda spoken: youtube([t for *_, t in spoken])), ("film.ass", ass)]
)
def test_rolling_captions_and_ass_become_what_was_said(
    name: str, write: Callable[..., str], make_video_file: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(write(SPOKEN))
    add_video(make_video_file(), public_id="film", subtitles=tmp_path / name)
    assert [text for *_, text in said()] == ["Look at this", "It rolls"]
    assert SubtitleTrack.objects.get().automatic == (name == "film.vtt")


def test_milliseconds_are_found_out_once_the_film_is_measured(
    make_video_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "ms.csv"
    path.write_text("start,end,text\n1000,2500,Look at this\n3000,4000,It rolls\n")
    video = add_video(make_video_file(), public_id="film", subtitles=path)
    ingest(video.pk)
    video.refresh_from_db()
    assert video.state == Video.State.READY
    assert not said()
    (problem,) = SubtitleTrack.objects.get().problems
    assert problem.startswith("refused: at 1000 s: 2 of 2 cues lie outside the film of 6 s")
    assert "milliseconds" in problem


def test_a_refused_file_leaves_no_film_behind(
    make_video_file: Callable[..., Path], tmp_path: Path, settings: object
) -> None:
    path = tmp_path / "dense.srt"
    path.write_text(srt([(0.001 * n, 0.001 * n + 0.001, f"three words {n}") for n in range(20)]))
    with pytest.raises(SubtitleError, match=r"dense\.srt: 60 words within"):
        add_video(make_video_file(), public_id="film", subtitles=path)
    assert not Video.objects.exists()
    assert not list((tmp_path / "media").rglob("*.mp4"))


def test_other_languages_are_refused_where_the_setting_says_so(
    make_video_file: Callable[..., Path], tmp_path: Path, settings: object
) -> None:
    path = tmp_path / "de.srt"
    path.write_text(srt([(n, n + 1, f"{n} Heute backen wir einen einfachen Kuchen mit zwei Eiern") for n in range(4)]))
    settings.SUBTITLES_ENGLISH_ONLY = True  # type: ignore[attr-defined]
    with pytest.raises(SubtitleError, match=r"de\.srt: not English: 0% function words"):
        add_video(make_video_file(), public_id="film", subtitles=path)
    settings.SUBTITLES_ENGLISH_ONLY = False  # type: ignore[attr-defined]
    add_video(make_video_file(), public_id="film", subtitles=path)
    assert SubtitleTrack.objects.get().english_share == 0


def test_settling_again_changes_nothing(video: Video) -> None:
    attach(video, track(*SPOKEN), "film.srt")
    before = list(Subtitle.objects.values()), list(SubtitleTrack.objects.values())
    fit_to_film(video)
    assert (list(Subtitle.objects.values()), list(SubtitleTrack.objects.values())) == before


def test_a_list_of_problems_has_an_end(video: Video) -> None:
    far = [(40.0 + n, 41.0 + n, "far") for n in range(250)]
    near = [(n / 10, n / 10 + 0.1, f"n{n}") for n in range(290)]
    attach(video, track(*near, *far), "film.srt")
    problems = SubtitleTrack.objects.get().problems
    assert (len(problems), problems[-1]) == (201, "and 50 more")


def test_the_constraint_of_the_table_stands(video: Video) -> None:
    with pytest.raises(IntegrityError):
        Subtitle.objects.create(video=video, start=2.0, end=1.0, text="x")
