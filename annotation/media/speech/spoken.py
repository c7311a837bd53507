"""Which clips are spoken in another language than English: the paper leaves them out (section 4.1).

Three may say so: whoever brought the film, the words of its subtitles, and the machine that heard it. Where nobody
does, or the words are too few to tell, a clip is not left out.
"""

from __future__ import annotations

from django.db.models import Q

from annotation.media.subtitles.language import ENGLISH_FROM
from annotation.models import SubtitleTrack, Transcription, Video

_ENGLISH = r"^(en|eng)(-|$)"


def other_than_english(video: str = "video") -> Q:
    """For rows whose videos are reached by that name."""
    by_words = SubtitleTrack.objects.filter(english_share__lt=ENGLISH_FROM).values("video")
    heard = Transcription.objects.filter(state=Transcription.State.DONE).exclude(language="")
    by_ear = heard.exclude(language__iregex=_ENGLISH).values("video")
    told = Video.objects.exclude(language="").exclude(language__iregex=_ENGLISH).values("pk")
    return Q(**{f"{video}__in": by_words}) | Q(**{f"{video}__in": by_ear}) | Q(**{f"{video}__in": told})


def why_other(video: Video) -> str:
    """Who says that a video is not English, in words; empty where nobody does."""
    track = SubtitleTrack.objects.filter(video=video, english_share__lt=ENGLISH_FROM).first()
    heard = Transcription.objects.filter(video=video, state=Transcription.State.DONE).exclude(language="")
    by_ear = heard.exclude(language__iregex=_ENGLISH).first()
    reasons = []
    if Video.objects.filter(pk=video.pk).exclude(language="").exclude(language__iregex=_ENGLISH).exists():
        reasons.append(f"its language is given as {video.language}")
    if track is not None:
        reasons.append(f"{track.english_share:.0%} function words of English, expected {ENGLISH_FROM:.0%} or more")
    if by_ear is not None:
        reasons.append(f"speech recognition heard {by_ear.language}")
    return "; ".join(reasons)
