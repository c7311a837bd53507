"""Which clips are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotation.media.sampling import NEAR, draw, draw_diverse, k_center
from annotation.models import Clip, SubtitleTrack, Transcription, Video
from evaluation.release.features import save_features

FILMS, CLIPS = 4, 3


@pytest.fixture
def clips(db: None, tmp_path: Path) -> list[Clip]:
    """Four films of three clips; each film looks one way, but for its last clip."""
    made = []
    for film in range(FILMS):
        video = Video.objects.create(public_id=f"film-{film}", state="ready", sha256=f"{film:064d}", duration=180.0)
        for number in range(CLIPS):
            vectors = np.zeros((2, 32), np.float32)
            vectors[:, film + FILMS * (number == CLIPS - 1)] = 1.0
            save_features(tmp_path / "f.safetensors", {"features": vectors}, model="m", interval_s=1.5)
            clip = Clip(video=video, start=60.0 * number, end=60.0 * (number + 1))
            clip.features.save(f"{film}-{number}.safetensors", ContentFile((tmp_path / "f.safetensors").read_bytes()))
            made.append(clip)
    return made


def test_a_draw_is_the_seeds_and_keeps_to_the_most_of_a_video(clips: list[Clip]) -> None:
    drawn = draw(clips, 6, seed=1, per_video=2)
    assert drawn == draw(reversed(clips), 6, seed=1, per_video=2)
    assert drawn != draw(clips, 6, seed=2, per_video=2)
    assert len(set(drawn)) == 6
    assert max([clip.video_id for clip in drawn].count(clip.video_id) for clip in drawn) <= 2
    assert len(draw(clips, 99, seed=1)) == FILMS * CLIPS


def test_a_larger_draw_holds_the_smaller_one(clips: list[Clip]) -> None:
    assert set(draw(clips, 3, seed=5)) <= set(draw(clips, 7, seed=5))


def test_a_diverse_draw_leaves_out_what_shows_the_same(clips: list[Clip]) -> None:
    drawn = draw_diverse(clips, 99, seed=0)
    assert len(drawn) == 2 * FILMS
    assert len({(clip.video_id, clip.start == 120.0) for clip in drawn}) == 2 * FILMS
    assert len(draw_diverse(clips, 99, seed=0, per_video=1)) == FILMS
    assert draw_diverse([], 3, seed=0) == []


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_k_center_chooses_rows_that_differ(n: int, rows: int, seed: int) -> None:
    points: NDArray[np.float32] = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    chosen = k_center(points, [0] * rows, n)
    assert len(set(chosen)) == len(chosen) <= min(n, rows)
    apart = 1 - points[chosen] @ points[chosen].T + 2 * np.eye(len(chosen))
    assert apart.min() > NEAR * 0.999
    left = [row for row in range(rows) if row not in chosen]
    if len(chosen) < n and left:
        assert (1 - points[left] @ points[chosen].T).min(axis=1).max() <= NEAR * 1.001


def test_the_command_writes_number_and_name(clips: list[Clip], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("sample_clips", n=2, seed=3)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{clip.pk}\t{clip.name}" for clip in draw(clips, 2, seed=3)]
    call_command("sample_clips", n=99, diverse=True)
    assert "8 of 99: no more clips are ready or differ" in capsys.readouterr().err
    with pytest.raises(CommandError, match="at least 1"):
        call_command("sample_clips", n=0)


def test_videos_in_other_languages_are_left_out_and_named(
    clips: list[Clip], capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    """Whoever brought it, its subtitles, and what a machine heard: each may say so."""
    told, read, heard, *english = Video.objects.order_by("public_id")
    Video.objects.filter(pk=told.pk).update(language="de-AT")
    Video.objects.filter(pk=english[0].pk).update(language="en-GB")
    SubtitleTrack.objects.create(video=read, name="a.srt", form="srt", english_share=0.02)
    SubtitleTrack.objects.create(video=english[0], name="b.srt", form="srt", english_share=0.3)
    Transcription.objects.create(video=heard, state="done", language="fr")
    call_command("sample_clips", n=99, english_only=True)
    out, err = capsys.readouterr()
    assert {line.split("\t")[1].split("_")[0] for line in out.splitlines()} == {english[0].public_id}
    assert f"{told.public_id}: left out, not English: its language is given as de-AT" in err
    assert f"{read.public_id}: left out, not English: 2% function words of English, expected 12% or more" in err
    assert f"{heard.public_id}: left out, not English: speech recognition heard fr" in err
    call_command("sample_clips", n=99, english_only=False)
    assert len(capsys.readouterr().out.splitlines()) == FILMS * CLIPS
    settings.SUBTITLES_ENGLISH_ONLY = True
    call_command("sample_clips", n=99)
    assert len(capsys.readouterr().out.splitlines()) == CLIPS
