"""What the card of a release says about its videos."""

from __future__ import annotations

import pytest

from annotation.models import Clip, SubtitleTrack, Video
from benchmark_site.releases.files.card import _recognised


@pytest.mark.django_db
def test_subtitles_that_a_machine_made_are_counted_where_there_are_any() -> None:
    clips = []
    for number in range(3):
        video = Video.objects.create(public_id=f"film-{number}", state="ready", sha256=f"{number:064d}", duration=90.0)
        SubtitleTrack.objects.create(video=video, name="a.srt", form="srt")
        clips += [Clip.objects.create(video=video, start=start, end=start + 40.0) for start in (0.0, 40.0)]
    assert _recognised(clips) == ""
    SubtitleTrack.objects.filter(video=clips[0].video).update(automatic=True)
    told = "- The subtitles of 1 of 3 videos were made by speech recognition, not by people.\n"
    assert _recognised(clips) == told
    assert _recognised(clips[2:]) == ""
