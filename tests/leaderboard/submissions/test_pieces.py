"""Submissions in pieces, with a session and with a token: resumed, bound to their moment, refused in the one shape."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.models import Membership, State, Submission, SubmissionUpload, Track
from benchmark_site.leaderboard.submissions import pieces, submit
from benchmark_site.leaderboard.teams.tokens import create_token
from benchmark_site.tus.protocol import BYTES

pytestmark = pytest.mark.django_db
TUS = {"Tus-Resumable": "1.0.0"}
FILE = b'{"VCMR": []}'


class Sender:
    """A program with a token, or a browser with a session."""

    def __init__(self, track: Track, membership: Membership, *, by_token: bool) -> None:
        self.client, self.by_token, self.team = Client(), by_token, membership.team
        self.headers: dict[str, str] = dict(TUS)
        if by_token:
            self.headers["Authorization"] = f"Bearer {create_token(membership)}"
            self.new = f"/api/tracks/{track.path}/uploads"
        else:
            self.client.force_login(membership.user)
            self.new = f"{track.get_absolute_url()}uploads/"

    def begin(self, size: int = len(FILE), **said: str) -> Any:
        said = {"filename": "p.json", "method": "mine", "team": str(self.team.pk)} | said
        told = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in said.items())
        return self.client.post(self.new, headers={**self.headers, "Upload-Length": str(size), "Upload-Metadata": told})

    def patch(self, address: str, offset: int, data: bytes) -> Any:
        return self.client.patch(address, data, BYTES, headers={**self.headers, "Upload-Offset": str(offset)})

    def send(self, data: bytes = FILE, **said: str) -> dict[str, Any]:
        """All of it; what became of it."""
        answer = self.begin(len(data), **said)
        assert answer.status_code == 201, answer.content
        assert self.patch(answer["Location"], 0, data).status_code == 204
        return self.became(answer["Location"])

    def became(self, address: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(address, headers=self.headers).json()
        return found


@pytest.fixture(params=[True, False], ids=["token", "session"])
def sender(request: pytest.FixtureRequest, track: Track, membership: Membership) -> Sender:
    return Sender(track, membership, by_token=request.param)


def code(answer: Any) -> tuple[int, str]:
    (error,) = answer.json()["errors"]
    assert {"field", "code", "message"} <= error.keys()
    return answer.status_code, error["code"]


def test_pieces_become_a_submission(sender: Sender, membership: Membership, track: Track) -> None:
    address = sender.begin(description="what it is", public="on")["Location"]
    assert sender.patch(address, 0, FILE[:5])["Upload-Offset"] == "5"
    assert sender.became(address)["submission"] is None
    assert sender.client.head(address, headers=sender.headers)["Upload-Offset"] == "5"
    assert sender.patch(address, 5, FILE[5:]).status_code == 204
    made = Submission.objects.get()
    page = f"http://testserver{made.get_absolute_url()}"
    assert sender.became(address) == {"submission": str(made.pk), "page": page, "waits_for": None}
    assert (made.method, made.description, made.public, made.file_name) == ("mine", "what it is", True, "p.json")
    assert (made.created_by, made.team, made.track) == (membership.user, membership.team, track)
    assert (made.sha256, made.size) == (hashlib.sha256(FILE).hexdigest(), len(FILE))
    assert Path(made.file.path).read_bytes() == FILE
    assert made.evaluation.state == "queued"
    pieces.finish(SubmissionUpload.objects.get().pk)
    assert Submission.objects.count() == 1


def test_who_comes_again_with_the_same_file_goes_on(sender: Sender) -> None:
    digest = hashlib.sha256(FILE).hexdigest()
    first = sender.begin(sha256=digest)["Location"]
    sender.patch(first, 0, FILE[:5])
    assert sender.begin(sha256=digest)["Location"] == first
    assert sender.begin(sha256=digest, method="another")["Location"] != first
    assert sender.begin()["Location"] != first


def test_a_file_that_is_a_submission_is_refused_before_its_bytes(sender: Sender, track: Track) -> None:
    digest = hashlib.sha256(FILE).hexdigest()
    sent = sender.send(sha256=digest)["submission"]
    Track.objects.filter(pk=track.pk).update(total=1)  # who has no try left is told all the same
    answer = sender.begin(sha256=digest)
    assert code(answer) == (409, "duplicate")
    assert answer.json()["errors"][0]["submission"] == sent
    assert sender.begin(sha256=digest, dry_run="on").status_code == 201
    Submission.objects.get().evaluation.end(State.FAILED, "of the test")
    assert sender.begin(sha256=digest).status_code == 201


@pytest.mark.parametrize(
    ("said", "size", "expected"),
    [
        ({"method": ""}, 9, (400, "required")),
        ({"method": "x" * 81}, 9, (400, "max_length")),
        ({"paper_url": "javascript:alert(1)"}, 9, (400, "invalid")),
        ({}, 0, (400, "empty")),
        ({}, 2**40, (413, "too_large")),
    ],
)
def test_what_cannot_be_taken_is_refused_before_its_bytes(
    sender: Sender, said: dict[str, str], size: int, expected: tuple[int, str]
) -> None:
    assert code(sender.begin(size, **said)) == expected
    assert not SubmissionUpload.objects.exists()


@pytest.mark.parametrize("field", ["filename", "sha256", "public", "dry_run", "method", "team"])
def test_a_nul_byte_is_refused_by_its_field(sender: Sender, field: str) -> None:
    answer = sender.begin(**{field: "a\0b"})
    assert code(answer) == (400, "tus")
    assert f"Upload-Metadata: {field} holds a NUL byte" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("said", ["filename é", "filename YQ==,method ÿ", "filename a", "filename /w=="])
def test_what_is_no_base64_of_text_is_refused(sender: Sender, said: str) -> None:
    headers = {**sender.headers, "Upload-Length": "9", "Upload-Metadata": said}
    assert code(sender.client.post(sender.new, headers=headers)) == (400, "tus")


@pytest.mark.parametrize("number", ["9" * 19, "9" * 4301])
def test_a_team_beyond_every_number_is_none(track: Track, membership: Membership, number: str) -> None:
    sender = Sender(track, membership, by_token=False)
    assert code(sender.begin(team=number)) == (400, "invalid")


def test_what_is_refused_at_the_end_says_why_and_leaves_nothing(sender: Sender, track: Track) -> None:
    told = sender.send(sha256="0" * 64)
    assert told["errors"][0]["code"] == "sha256_differs"
    sender.send()
    assert sender.send()["errors"][0]["code"] == "duplicate"
    assert Submission.objects.count() == 1
    stored = Path(Submission.objects.get().file.path).parent
    assert len(list(stored.iterdir())) == 1


def wait(seconds: float) -> None:
    """As long ago as that, nothing has come any more."""
    SubmissionUpload.objects.update(touched_at=timezone.now() - timedelta(seconds=seconds))


def test_a_whole_file_waits_for_a_limit_that_opens_again(
    sender: Sender, membership: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "MOST_UNDER_WAY", 1)
    addresses = [sender.begin(method=method)["Location"] for method in ("first", "second")]
    for number, address in enumerate(addresses):
        assert sender.patch(address, 0, f"{number}".encode().ljust(len(FILE))).status_code == 204
    told = sender.became(addresses[1])
    assert (told["submission"], told["waits_for"]["code"]) == (None, "under_way")
    page = Client()
    page.force_login(membership.user)
    assert "1 submissions of ada" in page.get("/submissions/").content.decode()
    first = Submission.objects.get()
    wait(pieces.STALLED_S + 1)
    touched = SubmissionUpload.objects.get(submission=None).touched_at
    pieces.sweep()
    assert SubmissionUpload.objects.get(submission=None).touched_at == touched  # it does not wait for ever
    first.evaluation.end(State.CANCELLED)
    pieces.sweep()
    assert sender.became(addresses[1])["submission"] == str(Submission.objects.get(method="second").pk)


def test_a_whole_file_waits_for_the_next_try_but_not_where_none_will_come(sender: Sender, track: Track) -> None:
    addresses = [sender.begin(method=f"m{number}")["Location"] for number in range(3)]
    sender.patch(addresses[0], 0, FILE)
    Track.objects.filter(pk=track.pk).update(per_day=1)
    sender.patch(addresses[1], 0, FILE[::-1])
    assert sender.became(addresses[1])["waits_for"]["code"] == "quota_day"
    Track.objects.filter(pk=track.pk).update(total=1)
    sender.patch(addresses[2], 0, FILE.upper())
    assert sender.became(addresses[2])["errors"][0]["code"] == "quota_total"


def test_a_fault_of_ours_costs_nobody_the_file(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("deadlock detected")

    address = sender.begin()["Location"]
    with monkeypatch.context() as patch:
        patch.setattr(submit, "queue_evaluation", away)
        with pytest.raises(OperationalError):
            sender.patch(address, 0, FILE)
        wait(pieces.STALLED_S + 1)
        pieces.sweep()  # which goes on
    assert sender.became(address) == {"submission": None, "page": None, "waits_for": None}
    pieces.sweep()
    made = Submission.objects.get()
    assert sender.became(address)["submission"] == str(made.pk)
    assert Path(made.file.path).read_bytes() == FILE
    assert [path.name for path in Path(made.file.path).parent.iterdir()] == [Path(made.file.path).name]


def test_who_has_left_the_team_finishes_nothing_for_it(track: Track, membership: Membership) -> None:
    """A team without members has every try, so what its last member began would count for nobody."""
    Track.objects.filter(pk=track.pk).update(per_day=1, total=1)
    sender = Sender(track, membership, by_token=False)
    begun = [sender.begin(public="on", method=f"m{number}")["Location"] for number in range(2)]
    membership.delete()
    for number, address in enumerate(begun):
        assert sender.patch(address, 0, f"{number}".encode().ljust(len(FILE))).status_code == 204
        assert sender.became(address)["errors"][0]["code"] == "not_a_member"
    assert not Submission.objects.exists()


def test_few_uploads_of_a_person_are_under_way_at_once(sender: Sender) -> None:
    for _ in range(pieces.MOST_UNFINISHED):
        assert sender.begin().status_code == 201
    assert code(sender.begin()) == (429, "uploads")
    wait(pieces.SILENT.total_seconds() - 60)
    assert code(sender.begin()) == (429, "uploads")
    SubmissionUpload.objects.filter(pk=SubmissionUpload.objects.first().pk).update(refusal={})  # type: ignore[union-attr]
    assert sender.begin().status_code == 201


def test_an_upload_that_is_silent_for_an_hour_makes_room_for_another(sender: Sender) -> None:
    addresses = [sender.begin(method=f"m{number}")["Location"] for number in range(pieces.MOST_UNFINISHED)]
    for address in addresses[1:]:
        sender.patch(address, 0, FILE[:3])
    SubmissionUpload.objects.filter(fields__method="m0").update(offset=len(FILE))  # a whole one is not thrown away
    wait(pieces.SILENT.total_seconds() + 60)
    sender.patch(addresses[1], 3, FILE[3:5])
    assert sender.begin().status_code == 201
    there = set(SubmissionUpload.objects.values_list("fields__method", flat=True))
    assert {"m0", "m1", "mine"} < there
    assert len(there) == pieces.MOST_UNFINISHED


def test_uploads_are_listed_and_ended_on_the_page_of_submissions(
    sender: Sender, membership: Membership, track: Track
) -> None:
    address = sender.begin(filename="half.json")["Location"]
    sender.patch(address, 0, FILE[:6])
    end = f"/submissions/uploads/{SubmissionUpload.objects.get().pk}/end/"
    page, other = Client(), Client()
    page.force_login(membership.user)
    other.force_login(User.objects.create_user("eve"))
    shown = page.get("/submissions/").content.decode()
    assert "half.json" in shown
    assert "50 %" in shown
    assert end in shown
    assert "half.json" not in other.get("/submissions/").content.decode()
    assert other.post(end).status_code == 404
    assert page.get(end).status_code == 405
    assert page.post(end)["Location"] == "/submissions/"
    assert not SubmissionUpload.objects.exists()


def test_the_moment_at_which_it_began_counts_for_six_hours(sender: Sender, track: Track) -> None:
    now = timezone.now()
    Track.objects.filter(pk=track.pk).update(closes_at=now + timedelta(minutes=1))
    slow, slowest = (sender.begin(method=name)["Location"] for name in ("slow", "slowest"))
    with time_machine.travel(now + timedelta(hours=5), tick=False):
        assert code(sender.begin()) == (403, "closed")
        sender.patch(slow, 0, FILE)
        assert sender.became(slow)["submission"]
    with time_machine.travel(now + timedelta(hours=7), tick=False):
        sender.patch(slowest, 0, FILE + b"")
        assert sender.became(slowest)["errors"][0]["code"] == "closed"


def test_an_upload_is_its_senders_alone(sender: Sender, track: Track, membership: Membership) -> None:
    address = sender.begin()["Location"]
    eve = Membership.objects.create(team=membership.team, user=User.objects.create_user("eve"))
    other = Sender(track, eve, by_token=sender.by_token)
    assert code(other.client.get(address, headers=other.headers)) == (404, "not_found")
    assert other.patch(address, 0, FILE).status_code == 404
    assert other.client.delete(address, headers=other.headers).status_code == 404
    if not sender.by_token:
        Membership.objects.all().delete()
        assert code(sender.begin()) == (400, "invalid")


def test_a_token_is_needed_and_one_that_may_submit(track: Track, membership: Membership) -> None:
    program = Sender(track, membership, by_token=True)
    program.headers = {**TUS, "Authorization": f"Bearer {create_token(membership, scope='read')}"}  # type: ignore[arg-type]
    assert code(program.begin()) == (403, "scope")
    begun = SubmissionUpload.objects.create(
        owner=membership.user, team=membership.team, track=track, name="p.json", size=9
    )
    address = f"/api/uploads/{begun.pk}"
    assert program.became(address)["submission"] is None  # which is reading
    assert code(program.client.delete(address, headers=program.headers)) == (403, "scope")
    program.headers = {**TUS, "Authorization": f"Bearer {create_token(membership, scope='orders')}"}  # type: ignore[arg-type]
    assert code(program.client.get(address, headers=program.headers)) == (403, "scope")
    program.client.force_login(membership.user)  # a session does not count
    program.headers = dict(TUS)
    assert code(program.begin()) == (401, "token")


def test_another_sites_page_cannot_send_one(track: Track, membership: Membership) -> None:
    page = Sender(track, membership, by_token=False)
    page.client.handler.enforce_csrf_checks = True
    assert page.begin().status_code == 403


def test_the_sweeper_ends_what_was_left(sender: Sender, django_capture_on_commit_callbacks: Any) -> None:
    whole, old = (sender.begin(method=name)["Location"] for name in ("whole", "old"))
    sender.patch(old, 0, FILE[:3])
    upload = SubmissionUpload.objects.get(fields__method="whole")
    upload.part.write_bytes(FILE)
    past = timezone.now() - timedelta(seconds=pieces.STALLED_S + 1)
    SubmissionUpload.objects.filter(pk=upload.pk).update(offset=len(FILE), touched_at=past)
    (upload.folder() / "left").write_bytes(b"x")
    SubmissionUpload.objects.filter(fields__method="old").update(touched_at=timezone.now() - pieces.KEPT * 2)
    with django_capture_on_commit_callbacks(execute=True):
        pieces.sweep()
    assert sender.became(whole)["submission"]
    assert sender.client.get(old, headers=sender.headers).status_code == 404
    assert list(upload.folder().iterdir()) == []


def test_a_part_that_is_gone_is_said_to_be_lost(sender: Sender) -> None:
    address = sender.begin()["Location"]
    SubmissionUpload.objects.update(offset=len(FILE))
    pieces.finish(SubmissionUpload.objects.get().pk)
    assert sender.became(address)["errors"][0]["code"] == "lost"
