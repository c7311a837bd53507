"""Mail about results: to whom, of what, and no more than the page says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from celery.exceptions import Retry
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from benchmark_site.leaderboard.models import Evaluation, Mail, Membership, State, Submission, Track
from benchmark_site.leaderboard.submissions.submit import cancel
from benchmark_site.leaderboard.tasks import tell
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
    mail.outbox.clear()
    tell(evaluation.pk)
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
    """A mail server that knows no ada, and is away when somebody else's turn comes and `away` says so."""

    away = False

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        (one,) = email_messages
        if one.to == ["ada@example.org"]:
            raise SMTPRecipientsRefused({"ada@example.org": (550, b"nobody of that name")})
        if self.away:
            raise ConnectionRefusedError("nobody listens")
        return int(super().send_messages(email_messages))


def test_an_address_that_is_refused_keeps_nobody_else_from_being_told(sent: Submission, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    evaluation = sent.evaluation
    evaluation.end(State.FAILED, "refused")
    assert told(evaluation) == ["failures@example.org"]


def test_while_the_mail_server_is_away_it_is_tried_again_for_those_who_are_not_told(
    sent: Submission, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    monkeypatch.setattr(RefusingBackend, "away", True)
    evaluation = sent.evaluation
    evaluation.end(State.FAILED, "refused")
    left = Membership.objects.get(user__username="failures").pk
    again: list[dict[str, Any]] = []
    monkeypatch.setattr(tell, "retry", lambda **more: again.append(more) or Retry())
    with pytest.raises(Retry):
        tell(evaluation.pk)
    assert again[0]["kwargs"] == {"evaluation_id": evaluation.pk, "only": [left]}
    assert again[0]["countdown"] < settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert mail.outbox == []
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    tell(**again[0]["kwargs"])
    assert [one.to for one in mail.outbox] == [["failures@example.org"]]
