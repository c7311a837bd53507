"""What the page of a submission offers its team: what would be done, and in words what would be refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import Evaluation, State, Submission
from benchmark_site.leaderboard.models.work import UNFINISHED
from benchmark_site.leaderboard.submissions.deletion import check_nothing_rests_on
from benchmark_site.leaderboard.submissions.finals import check_final
from benchmark_site.leaderboard.submissions.visibility import check_public


@dataclass(frozen=True)
class Offers:
    """Buttons that work for a member of its team, as things stand.

    `why_no_final` and `why_kept` say why it cannot be chosen and its file not be deleted, where a reader would look for
    that; empty where it can, or where nobody would.
    """

    show: bool = False
    take_off: bool = False
    choose: bool = False
    take_choice_back: bool = False
    cancel: bool = False
    submit_it: bool = False
    delete_file: bool = False
    why_no_final: str = ""
    why_kept: str = ""


def offers(submission: Submission, evaluation: Evaluation) -> Offers:
    """What works now, asked of the very checks that the buttons meet."""
    has_score = evaluation.state == State.DONE
    may_have_one = (has_score or evaluation.state in UNFINISHED) and not submission.hidden_at
    choosing = _refusal(lambda: check_final(submission, True)) if may_have_one and not submission.final else None
    deleting = _refusal(lambda: check_nothing_rests_on(submission))
    return Offers(
        show=not submission.public and may_have_one and not _refusal(lambda: check_public(submission, True)),
        take_off=submission.public and may_have_one and not _refusal(lambda: check_public(submission, False)),
        choose=may_have_one and not submission.final and choosing is None,
        take_choice_back=submission.final and not _refusal(lambda: check_final(submission, False)),
        cancel=submission.evaluation.state in UNFINISHED,
        submit_it=submission.dry_run and has_score and submission.track.takes(timezone.now()),
        delete_file=submission.file_deleted_at is None and deleting is None,
        why_no_final=choosing.message if choosing and choosing.code in {"finals", "not_public"} else "",
        why_kept=deleting.message
        if deleting and deleting.code != "baseline" and not submission.file_deleted_at
        else "",
    )


def _refusal(check: Callable[[], None]) -> ApiError | None:
    try:
        check()
    except ApiError as refusal:
        return refusal
    return None
