"""Mail about results: to whom, of what, and no more than the page says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from celery.exceptions import Retry
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from benchmark_site.leaderboard.models import Evaluation, Mail, Membership, State, Submission, Track
from benchmark_site.leaderboard.scoring.tell import NotToldError, to_be_told
from benchmark_site.leaderboard.scoring.tell import tell as mail_result
from benchmark_site.leaderboard.submissions.submit import cancel
from benchmark_site.leaderboard.tasks import tell, tell_member
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(api_client: ApiClient, tracks: dict[str, Track], membership: Membership, tmp_path: Path) -> Submission:
    User.objects.filter(pk=membership.user_id).update(email="ada@example.org")
    for name, wish in (("failures", Mail.FAILED), ("quiet", Mail.NONE)):
        user = User.objects.create_user(name, email=f"{name}@example.org")
        Membership.objects.create(team=membership.team, user=user, mail=wish)
    Membership.objects.create(team=membership.team, user=User.objects.create_user("without"))
    api_client.post(tracks["moment/test"], small_file(tmp_path), method="mine")
    return Submission.objects.get()


def told(evaluation: Evaluation) -> list[str]:
    """To whom the messages of one ended scoring mail it."""
    mail.outbox.clear()
    for member in to_be_told(evaluation):
        tell_member(evaluation.pk, member.pk)
    return sorted(one.to[0] for one in mail.outbox)


def test_each_is_told_of_what_was_wished_and_of_no_more_than_the_page_shows(sent: Submission) -> None:
    add_scores(sent, {sent.track.primary_metric: 43.75, "VR.R@5": 55.5})
    assert told(sent.evaluation) == ["ada@example.org"]
    (one,) = mail.outbox
    assert one.subject == "mine: done"
    assert f"{sent.track.primary_metric}: 40 %" in one.body
    assert "43.7" not in one.body
    assert "VR.R@5" not in one.body
    assert sent.get_absolute_url() in one.body


def test_failures_are_told_with_their_reason(sent: Submission) -> None:
    evaluation = sent.evaluation
    evaluation.end(State.FAILED, "refused: the file is no submission")
    assert told(evaluation) == ["ada@example.org", "failures@example.org"]
    assert all("refused: the file is no submission\nIt costs no try." in one.body for one in mail.outbox)


def test_what_one_did_oneself_and_dry_runs_are_not_told(
    sent: Submission, api_client: ApiClient, tmp_path: Path
) -> None:
    cancel(sent)
    assert told(sent.evaluation) == []
    api_client.post(sent.track, small_file(tmp_path, text="[]"), dry_run="on")
    evaluation = Evaluation.objects.get(submission__dry_run=True)
    evaluation.end(State.FAILED, "refused")
    assert told(evaluation) == []


def test_the_end_of_a_scoring_sends_the_message(sent: Submission, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_tasks: list[tuple[str, Any]] = []
    monkeypatch.setattr(
        "benchmark_site.leaderboard.models.submissions.enqueue", lambda task, **ids: sent_tasks.append((task, ids))
    )
    evaluation = sent.evaluation
    add_scores(sent, {sent.track.primary_metric: 40.0})
    assert sent_tasks == [("benchmark_site.leaderboard.tasks.tell", {"evaluation_id": evaluation.pk})]


def test_a_member_chooses(member: Client, membership: Membership) -> None:
    member.post(f"/teams/{membership.team_id}/mail/", {"mail": "failed"})
    membership.refresh_from_db()
    assert membership.mail == "failed"
    member.post(f"/teams/{membership.team_id}/mail/", {"mail": "sometimes"})
    membership.refresh_from_db()
    assert membership.mail == "failed"


class RefusingBackend(EmailBackend):
    """A mail server that says `trouble` when ada's turn comes."""

    trouble: OSError | None = None

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        (one,) = email_messages
        if self.trouble and one.to == ["ada@example.org"]:
            raise self.trouble
        return int(super().send_messages(email_messages))


@pytest.fixture
def refused(sent: Submission, settings: Any) -> Evaluation:
    """A scoring of which ada and the one who wants failures are to be told, by that mail server."""
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    evaluation = sent.evaluation
    evaluation.end(State.FAILED, "refused")
    return evaluation


def test_each_member_has_a_message_of_their_own(refused: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_tasks: list[tuple[str, Any]] = []
    monkeypatch.setattr("benchmark_site.leaderboard.tasks.enqueue", lambda task, **ids: sent_tasks.append((task, ids)))
    tell(refused.pk)
    members = {one.pk for one in to_be_told(refused)}
    assert len(members) == 2
    assert {ids["membership_id"] for task, ids in sent_tasks if task == tell_member.name} == members
    assert {ids["evaluation_id"] for _, ids in sent_tasks} == {refused.pk}


@pytest.mark.parametrize(
    "trouble",
    [
        SMTPRecipientsRefused({"ada@example.org": (550, b"nobody of that name")}),
        SMTPDataError(554, b"it looks like spam"),
    ],
)
def test_what_is_refused_for_good_keeps_nobody_else_from_being_told(
    refused: Evaluation, trouble: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RefusingBackend, "trouble", trouble)
    assert told(refused) == ["failures@example.org"]
    monkeypatch.setattr(RefusingBackend, "trouble", None)
    assert told(refused) == []


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionRefusedError("nobody listens"),
        SMTPRecipientsRefused({"ada@example.org": (450, b"try again")}),
        SMTPDataError(451, b"try again"),
        SMTPServerDisconnected("gone"),
    ],
)
def test_what_is_refused_for_now_is_tried_again_for_that_member_alone(
    refused: Evaluation, trouble: OSError, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[dict[str, Any]] = []
    monkeypatch.setattr(tell_member, "retry", lambda **more: again.append(more) or Retry())
    monkeypatch.setattr(RefusingBackend, "trouble", trouble)
    ada, other = sorted(to_be_told(refused), key=lambda one: one.user.email)
    with pytest.raises(Retry):
        tell_member(refused.pk, ada.pk)
    assert isinstance(again[0]["exc"], NotToldError)
    assert again[0]["countdown"] < settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    tell_member(refused.pk, other.pk)
    assert [one.to for one in mail.outbox] == [["failures@example.org"]]
    monkeypatch.setattr(RefusingBackend, "trouble", None)
    assert told(refused) == ["ada@example.org"]


def test_a_message_that_is_delivered_twice_mails_once(sent: Submission) -> None:
    sent.evaluation.end(State.FAILED, "refused")
    evaluation = sent.evaluation
    members = list(to_be_told(evaluation))
    mail.outbox.clear()
    for member in [*members, *members]:
        tell_member(evaluation.pk, member.pk)
        mail_result(evaluation, member)  # one that has looked before the first was through
    assert len(mail.outbox) == len(members) == 2


@pytest.mark.parametrize("wish", [Mail.NONE, Mail.ALL])
def test_who_wants_none_any_more_is_told_nothing(sent: Submission, membership: Membership, wish: Mail) -> None:
    sent.evaluation.end(State.FAILED, "refused")
    Membership.objects.filter(pk=membership.pk).update(mail=wish)
    tell_member(sent.evaluation.pk, membership.pk)
    assert len(mail.outbox) == (wish == Mail.ALL)
