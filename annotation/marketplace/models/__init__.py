"""The marketplace's tables. Rules are constraints first; counters on `Hit` change only under its row lock."""

from annotation.marketplace.models.accounts import Block, Invite, Message, Requester, Worker
from annotation.marketplace.models.faults import ClockOffset, Fault
from annotation.marketplace.models.hits import Assignment, Hit, HitLayout, HitType, UploadedFile
from annotation.marketplace.models.money import BonusPayment, LedgerEntry, Payout, PayoutLine, RequestToken
from annotation.marketplace.models.notices import Notice
from annotation.marketplace.models.qualifications import Qualification, QualificationRequest, QualificationType
from annotation.marketplace.models.reviews import ReviewAction, ReviewResult

__all__ = [
    "Assignment", "Block", "BonusPayment", "ClockOffset", "Fault", "Hit", "HitLayout", "HitType", "Invite",
    "LedgerEntry", "Message", "Notice", "Payout", "PayoutLine", "Qualification", "QualificationRequest",
    "QualificationType", "RequestToken", "Requester", "ReviewAction", "ReviewResult", "UploadedFile", "Worker",
]  # fmt: skip
