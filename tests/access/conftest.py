"""A small world with everything that an address can lead to: collected, released, submitted, reviewed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from xml.etree.ElementTree import fromstring

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from annotation.crowd.launch import external_question
from annotation.media.clip_files import Part, clip_url
from annotation.models import (
    AnnotationImport,
    Assignment,
    Batch,
    Clip,
    FeatureSet,
    Hit,
    Query,
    Receipt,
    Segment,
    Worker,
)
from annotation.models.crowd import Kind
from benchmark_site.access import May, Role
from benchmark_site.leaderboard.boards.tracks import open_boards
from benchmark_site.leaderboard.models import (
    Evaluation,
    Invitation,
    Membership,
    Participant,
    Submission,
    SubmissionUpload,
    Team,
    Track,
    TrainingRun,
)
from benchmark_site.leaderboard.teams.membership import invite
from benchmark_site.leaderboard.teams.tokens import create_token
from benchmark_site.releases.models import Item, Release
from benchmark_site.releases.services import create_release
from tests.access.held_out import HeldOut
from tests.releases.conftest import corpus, frozen, media, sealed  # noqa: F401  (fixtures)

UNRELEASED = "nobody has released this sentence about a ball"
ORDER = "an order that nobody outside knows of"


@dataclass(frozen=True)
class ApiClient:
    """One address, by the name of its row, and which conditions of the table hold behind it."""

    name: str
    path: str
    holds: frozenset[May] = frozenset()
    method: str = "GET"
    body: str = ""


@dataclass
class World:
    users: dict[Role, User | None]
    tokens: dict[Role, str]
    api_clients: list[ApiClient]
    release: Release
    hidden: HeldOut  # what the release withholds
    collected: HeldOut  # the same, and what is not released at all

    @contextmanager
    def knock(self, role: Role, api_client: ApiClient) -> Iterator[Any]:
        """The answer that this role gets at the api_client; whatever the knock has changed is undone."""
        with transaction.atomic():
            client, user = Client(), self.users[role]
            if user is not None:
                client.force_login(user)
            headers = {"authorization": f"Bearer {self.tokens[role]}"} if role in self.tokens else {}
            yield client.generic(
                api_client.method, api_client.path, api_client.body, "application/json", headers=headers
            )
            transaction.set_rollback(True)


@pytest.fixture
def world(request: pytest.FixtureRequest, settings: Any) -> World:
    """Around the release of the fixture that is asked for by name, or a frozen shared one."""
    release: Release = request.getfixturevalue(getattr(request, "param", "frozen"))
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    late = _collect_after_the_freeze()
    hidden = HeldOut.read(release.folder)
    teams = {role: Team.objects.create(name=str(role)) for role in (Role.OWN_TEAM, Role.OTHER_TEAM)}
    users = _users()
    members = {role: Membership.objects.create(team=team, user=users[role]) for role, team in teams.items()}
    tracks = {f"{track.task}/{track.split}": track for track in open_boards(release.pk)}
    boards = _board_doors(tracks, members[Role.OWN_TEAM])
    return World(
        users=users,
        tokens={role: create_token(member) for role, member in members.items()},
        api_clients=[
            *_site_doors(),
            *_crowd_doors(late),
            *_release_doors(late),
            *boards,
        ],
        release=release,
        hidden=hidden,
        collected=HeldOut(hidden.texts | {UNRELEASED, ORDER}, hidden.ids | {str(late.public_id)}, hidden.moments),
    )


def _users() -> dict[Role, User | None]:
    users: dict[Role, User | None] = {role: User.objects.create_user(role.replace(" ", "-")) for role in Role}
    users[Role.ANONYMOUS] = None
    for role, group in ((Role.REVIEWER, "Reviewers"), (Role.REQUESTER, "Requesters")):
        users[role].groups.add(Group.objects.get(name=group))  # type: ignore[union-attr]
    User.objects.filter(username="staff").update(is_staff=True)
    users[Role.STAFF] = User.objects.get(username="staff")
    return users


def _collect_after_the_freeze() -> Query:
    """A query that no release holds yet."""
    segment = Segment.objects.filter(clip__video__split__split="train").earliest("pk")
    return Query.objects.create(public_id=2_000_000_011, segment=segment, text=UNRELEASED, type="v")


def _site_doors() -> list[ApiClient]:
    api = [ApiClient("api:openapi-json", "/api/openapi.json"), ApiClient("api:api-root", "/api/")]
    pages = [
        ApiClient("home", "/"),
        ApiClient("health", "/healthz"),
        ApiClient("login", "/login/"),
        ApiClient("teams", "/teams/"),
        ApiClient("signup", "/signup/"),
        ApiClient("provider", "/login/provider/"),
        ApiClient("provider-back", "/login/provider/back/"),
        ApiClient("address", "/address/"),
        ApiClient("password_change", "/password/"),
        ApiClient("password_change_done", "/password/changed/"),
        ApiClient("second-factor", "/second-factor/"),
        ApiClient("second-factor-code", "/second-factor/code/"),
        ApiClient("password_reset", "/password/reset/"),
        ApiClient("password_reset_done", "/password/reset/sent/"),
        ApiClient("password_reset_complete", "/password/reset/done/"),
        ApiClient("password_reset_confirm", _reset_link(), frozenset({May.SIGNED})),
    ]
    return [*pages, *api, ApiClient("logout", "/logout/", method="POST"), ApiClient("admin:", "/admin/")]


def _reset_link() -> str:
    user = User.objects.create_user("forgetful")
    return f"/password/reset/{urlsafe_base64_encode(force_bytes(user.pk))}/{default_token_generator.make_token(user)}/"


def _crowd_doors(query: Query) -> list[ApiClient]:
    """An open batch with an answer that waits, and a draft; all about a clip of train."""
    clip = query.segment.clip
    clip.file.save("x.mp4", ContentFile(b"film"))
    clip.waveform.save("x.svg", ContentFile(b"drawn"))
    clip.poster.save("x.jpg", ContentFile(b"still"))
    order: Callable[..., Batch] = lambda name, **fields: Batch.objects.create(  # noqa: E731
        name=name, kind=Kind.QUERY, reward=Decimal("0.12"), budget=Decimal("1000"), **fields
    )
    batch = order(ORDER, state=Batch.State.OPEN, hit_type_id="T")
    draft = order("a draft")
    hit = Hit.objects.create(
        batch=batch, segment=query.segment, request_token="t", hit_id="H", wanted=2, state=Hit.State.OPEN
    )
    worker = Worker.objects.create(environment="local", worker_id="A1")
    receipt = Receipt.objects.create(hit=hit, assignment_id="L", worker_id="A1", payload={}, sha256="0")
    payload = {"query": "a red ball rolls slowly over the green floor", "based_on": "v"}
    answer = Assignment.objects.create(
        hit=hit, worker=worker, assignment_id="S", answer="", payload=payload, submitted_at=datetime.now(UTC)
    )
    brought = AnnotationImport.objects.create(form="how2r", name=f"{ORDER}.csv", state="done")
    seen = FeatureSet.objects.create(name="seen")
    signed = frozenset({May.SIGNED})
    task = urlsplit(fromstring(external_question(hit)).findtext("{*}ExternalURL") or "").path
    return [
        ApiClient("batches", "/batches/"),
        ApiClient("batch-new", "/batches/new/"),
        ApiClient("batch", batch.get_absolute_url()),
        ApiClient("batch-launch", f"/batches/{draft.pk}/launch/", method="POST"),
        ApiClient("batch-close", f"/batches/{batch.pk}/close/", method="POST"),
        ApiClient("batch-edit", f"/batches/{draft.pk}/edit/"),
        ApiClient("batch-delete", f"/batches/{draft.pk}/delete/"),
        ApiClient("api:list_batches", "/api/batches"),
        ApiClient("api:create_batch", "/api/batches", method="POST", body="{}"),
        ApiClient("api:get_batch", f"/api/batches/{batch.pk}"),
        *(ApiClient(f"api:get_{what}", f"/api/batches/{batch.pk}/{what}") for what in ("cost", "progress", "results")),
        ApiClient("api:launch_batch", f"/api/batches/{draft.pk}/launch", method="POST", body='{"amount": "1"}'),
        ApiClient("api:extend_batch", f"/api/batches/{batch.pk}/extend", method="POST", body='{"days": 1}'),
        ApiClient("api:pay_bonus", f"/api/batches/{batch.pk}/bonuses", method="POST", body="{}"),
        ApiClient("api:order_batch", f"/api/batches/{batch.pk}/pause", method="POST"),
        ApiClient("batch-rest", f"/batches/{batch.pk}/rest/", method="POST"),
        ApiClient("entry-tests", "/entry-tests/"),
        ApiClient("batch-pause", f"/batches/{batch.pk}/pause/", method="POST"),
        ApiClient("batch-resume", f"/batches/{batch.pk}/resume/", method="POST"),
        ApiClient("batch-extend", f"/batches/{batch.pk}/extend/", method="POST"),
        ApiClient("batch-again", f"/batches/{batch.pk}/again/", method="POST"),
        ApiClient("money", "/money/"),
        ApiClient("money-csv", "/money/report.csv"),
        ApiClient("workers", "/workers/"),
        ApiClient("batch-figure", f"/batches/{batch.pk}/figures/time.svg"),
        ApiClient("batch-export", f"/batches/{batch.pk}/answers.jsonl"),
        ApiClient("worker", worker.get_absolute_url()),
        ApiClient("worker-block", f"/workers/{worker.pk}/block/", method="POST"),
        ApiClient("worker-bonus", f"/workers/{worker.pk}/bonus/", method="POST"),
        ApiClient("worker-compensate", f"/workers/{worker.pk}/lost/{receipt.pk}/", method="POST"),
        ApiClient("worker-message", f"/workers/{worker.pk}/message/", method="POST"),
        ApiClient("batch-review", f"/batches/{batch.pk}/review/"),
        ApiClient("batch-undo", f"/batches/{batch.pk}/review/undo/", method="POST"),
        ApiClient("batch-clean", f"/batches/{batch.pk}/review/clean/", method="POST"),
        ApiClient("assignment-decide", f"/assignments/{answer.pk}/decide/", method="POST"),
        ApiClient("assignment-bonus", f"/assignments/{answer.pk}/bonus/", method="POST"),
        *(ApiClient("clip", f"/clips/{pk}/") for pk in Clip.objects.values_list("pk", flat=True)),
        ApiClient("clips", "/clips/"),
        ApiClient("segment-gold", f"/segments/{query.segment_id}/gold/", method="POST"),
        ApiClient("videos", "/videos/"),
        ApiClient("video-upload", "/videos/upload/", method="POST"),
        ApiClient("upload-new", "/videos/uploads/", method="POST"),
        ApiClient("upload", f"/videos/uploads/{UUID(int=1)}/", method="PATCH"),
        ApiClient("video-cancel", f"/videos/{clip.video_id}/cancel/", method="POST"),
        ApiClient("video-retry", f"/videos/{clip.video_id}/retry/", method="POST"),
        ApiClient("item", f"/items/moment/{query.public_id}/"),
        ApiClient("imports", "/imports/"),
        ApiClient("import", brought.get_absolute_url()),
        ApiClient("import-problems", f"{brought.get_absolute_url()}problems.jsonl"),
        ApiClient("features", "/features/"),
        ApiClient("features-retry", f"/features/{seen.pk}/retry/", method="POST"),
        ApiClient("clip-file", clip_url(clip), signed),
        ApiClient("clip-still", clip_url(clip, Part.POSTER), signed),
        ApiClient("clip-waveform", clip_url(clip, Part.WAVEFORM), signed),
        ApiClient("clip-file", "/media/clip/1:a:b.mp4"),
        ApiClient("task", task, signed),
        ApiClient("task", "/task/1:a:b/"),
        ApiClient("task-blind", f"{task}blind/", method="POST"),  # nor this one
        ApiClient("task-draft", f"{task}draft/", method="POST"),  # without the token of an accepted task
    ]


def _release_doors(query: Query) -> list[ApiClient]:
    """The frozen release, and one whose failure names a hidden item."""
    failed = create_release("demo", "2.0.0")
    Release.objects.filter(pk=failed.pk).update(state="failed", reason=f"quality gate: B8 {query.public_id}")
    frozen_one = frozenset({May.FROZEN})
    labelled = Item.objects.filter(release__version="1.0.0", kind="moment", split="train").earliest("pk")
    files = ("moment/tvr/test_public.jsonl", "qa/value/test_public.jsonl", "MANIFEST.json")
    return [
        ApiClient("releases", "/releases/"),
        ApiClient("release-new", "/releases/new/"),
        ApiClient("release-retry", "/releases/demo/2.0.0/retry/", method="POST"),
        ApiClient("release-exclusions", "/releases/demo/1.0.0/left-out/"),
        ApiClient("release-suspects", "/releases/demo/1.0.0/suspects/"),
        ApiClient("release-waive", "/releases/demo/2.0.0/waive/", method="POST"),
        ApiClient("release", "/releases/demo/1.0.0/", frozen_one),
        ApiClient("release", "/releases/demo/2.0.0/"),
        ApiClient("release-items", "/releases/demo/1.0.0/items/", frozen_one),
        ApiClient("release-item", f"/releases/demo/1.0.0/items/moment/{labelled.public_id}/", frozen_one),
        ApiClient("release-search", "/releases/demo/1.0.0/search/", frozen_one),
        ApiClient("release-download", "/releases/demo/1.0.0/download/", frozen_one),
        *(ApiClient("release-file", f"/releases/demo/1.0.0/files/{file}", frozen_one) for file in files),
    ]


def _board_doors(tracks: dict[str, Track], member: Membership) -> list[ApiClient]:
    """The boards; of the own team one submission that is shown, and one that is not and waits."""
    track = tracks["moment/test"]
    shown, private = (_submission(track, member, number, public=number == 1) for number in (1, 2))
    Evaluation.objects.create(submission=private)
    done = Evaluation.objects.create(submission=shown, state="done", report={}, finished_at=timezone.now())
    done.scores.create(key=track.primary_metric, value=40.0, low=30.0, high=50.0, n=12)
    run = TrainingRun.objects.create(release=track.release, facts={"loss": 1.5})
    create_token(member)
    token = member.tokens.earliest("pk")
    board, own = track.get_absolute_url(), private.get_absolute_url()
    upload = SubmissionUpload.objects.create(owner=member.user, team=member.team, track=track, name="p.json", size=9)
    link = urlsplit(invite(member.team, member.user)).path
    said = track.announcements.create(text="the end is near")
    asked = Participant.objects.create(track=track, user=member.user, about="a member of a lab")
    return [
        ApiClient("boards", "/boards/"),
        ApiClient("board", board),
        ApiClient("board-csv", f"{board}board.csv"),
        ApiClient("board-json", f"{board}board.json"),
        ApiClient("board-tex", f"{board}board.tex"),
        ApiClient("board-bib", f"{board}board.bib"),
        ApiClient("board-sota", f"{board}sota.json"),
        ApiClient("board-compare", f"{tracks['moment/val'].get_absolute_url()}compare/"),
        ApiClient("track-settings", f"{board}settings/"),
        ApiClient("track-overview", f"{board}overview/"),
        ApiClient("track-download", f"{board}everything.zip"),
        ApiClient("announcement-withdraw", f"/announcements/{said.pk}/withdraw/", method="POST"),
        ApiClient("track-rescore", f"{board}rescore/", method="POST"),
        ApiClient("track-join", f"{board}join/", method="POST"),
        ApiClient("participant-decide", f"/participants/{asked.pk}/", method="POST"),
        ApiClient("submit", f"{board}submit/"),
        ApiClient("submissions", "/submissions/"),
        ApiClient("submission-upload-new", f"{board}uploads/", method="OPTIONS"),
        ApiClient("submission-upload", f"/submissions/uploads/{upload.pk}/"),
        ApiClient("submission-upload-end", f"/submissions/uploads/{upload.pk}/end/", method="POST"),
        ApiClient("api-upload-new", f"/api/tracks/{track.path}/uploads", method="OPTIONS"),
        ApiClient("api-upload", f"/api/uploads/{upload.pk}"),
        *_both("submission", shown.get_absolute_url(), own),
        *_both("submission-badge", f"{shown.get_absolute_url()}badge.svg", f"{own}badge.svg"),
        *_both("submission-report", f"{shown.get_absolute_url()}report.json", f"{own}report.json"),
        ApiClient("submission-cancel", f"{own}cancel/", method="POST"),
        ApiClient("submission-file-delete", f"{own}file/delete/", method="POST"),
        ApiClient("submission-public", f"{own}public/", method="POST"),
        ApiClient("submission-final", f"{own}final/", method="POST"),
        ApiClient("submission-card", f"{own}card/", method="POST"),
        ApiClient("token-new", f"/teams/{member.team_id}/tokens/", method="POST"),
        *(
            ApiClient(f"team-{what}", f"/teams/{member.team_id}/{what}/", method="POST")
            for what in ("invite", "leave", "rename", "mail")
        ),
        ApiClient("member-remove", f"/members/{member.pk}/remove/", method="POST"),
        ApiClient("invitation", link, frozenset({May.SIGNED})),
        ApiClient("invitation", "/invitations/nobodys/"),
        ApiClient("invitation-withdraw", f"/invitations/{Invitation.objects.get().pk}/withdraw/", method="POST"),
        ApiClient("token-revoke", f"/tokens/{token.pk}/revoke/", method="POST"),
        ApiClient("training-run", run.get_absolute_url()),
        ApiClient("api:list_tracks", "/api/tracks"),
        ApiClient("api:list_submissions", "/api/submissions"),
        ApiClient("api:post_submission", f"/api/tracks/{track.path}/submissions", method="POST"),
        ApiClient("api:get_submission", f"/api/submissions/{private.pk}"),
        ApiClient("api:patch_submission", f"/api/submissions/{private.pk}", method="PATCH", body='{"public": true}'),
        ApiClient("api:cancel_submission", f"/api/submissions/{private.pk}/cancel", method="POST"),
        ApiClient("api:delete_submission_file", f"/api/submissions/{private.pk}/file", method="DELETE"),
    ]


def _both(name: str, shown: str, private: str) -> list[ApiClient]:
    return [ApiClient(name, shown, frozenset({May.SHOWN})), ApiClient(name, private)]


def _submission(track: Track, member: Membership, number: int, public: bool) -> Submission:
    return Submission.objects.create(
        track=track, team=member.team, method=f"method {number}", file=f"{number}.json", file_name="p.json", size=2,
        sha256=f"{number:064x}", public=public, created_at=timezone.now(),
    )  # fmt: skip
