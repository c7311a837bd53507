"""Tables of the collecting side, in the order in which a datum passes them."""

from annotation.models.beyond_rewards import BlindCheck, Bonus, Message
from annotation.models.corrections import Correction
from annotation.models.crowd import Assignment, Batch, Draft, Hit, Receipt
from annotation.models.features import ClipFeatures, FeatureSet
from annotation.models.footage import Clip, Subtitle, Video
from annotation.models.history import ReviewEvent
from annotation.models.imports import AnnotationImport
from annotation.models.items import Answer, Doubt, Query, Question, Segment, Validation
from annotation.models.ledger import LedgerEntry
from annotation.models.qualifications import EntryTest, GroupQualification, Worker
from annotation.models.reconciliation import Finding, Reconciliation, Walk
from annotation.models.subtitle_track import SubtitleTrack
from annotation.models.transcription import Transcription
from annotation.models.upload import Upload

__all__ = [
    "AnnotationImport",
    "Answer",
    "Assignment",
    "Batch",
    "BlindCheck",
    "Bonus",
    "Clip",
    "ClipFeatures",
    "Correction",
    "Doubt",
    "Draft",
    "EntryTest",
    "FeatureSet",
    "Finding",
    "GroupQualification",
    "Hit",
    "LedgerEntry",
    "Message",
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
