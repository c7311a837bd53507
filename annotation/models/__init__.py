"""Tables of the collecting side, in the order in which a datum passes them."""

from annotation.models.crowd import Assignment, Batch, Draft, GroupQualification, Hit, Receipt, Worker
from annotation.models.features import ClipFeatures, FeatureSet
from annotation.models.footage import Clip, Subtitle, Video
from annotation.models.history import ReviewEvent
from annotation.models.items import Answer, Query, Question, Segment, Validation
from annotation.models.ledger import LedgerEntry
from annotation.models.reconciliation import Finding, Reconciliation, Walk
from annotation.models.subtitle_track import SubtitleTrack
from annotation.models.transcription import Transcription
from annotation.models.upload import Upload

__all__ = [
    "Answer",
    "Assignment",
    "Batch",
    "Clip",
    "ClipFeatures",
    "Draft",
    "FeatureSet",
    "Finding",
    "GroupQualification",
    "Hit",
    "LedgerEntry",
    "Query",
    "Question",
    "Receipt",
    "Reconciliation",
    "ReviewEvent",
    "Segment",
    "Subtitle",
    "SubtitleTrack",
    "Transcription",
    "Upload",
    "Validation",
    "Video",
    "Walk",
    "Worker",
]
