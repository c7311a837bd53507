"""Tables of the collecting side, in the order in which a datum passes them."""

from annotation.models.crowd import Assignment, Batch, GroupQualification, Hit, Receipt, Worker
from annotation.models.footage import Clip, Subtitle, Video
from annotation.models.items import Answer, Query, Question, Segment
from annotation.models.ledger import LedgerEntry
from annotation.models.subtitle_track import SubtitleTrack
from annotation.models.transcription import Transcription

__all__ = [
    "Answer",
    "Assignment",
    "Batch",
    "Clip",
    "GroupQualification",
    "Hit",
    "LedgerEntry",
    "Query",
    "Question",
    "Receipt",
    "Segment",
    "Subtitle",
    "SubtitleTrack",
    "Transcription",
    "Video",
    "Worker",
]
