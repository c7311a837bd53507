"""schemathesis over the API: no fault of ours, and no answer that the schema does not name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings

from annotation.models import Batch
from annotation.models.crowd import Kind
from benchmark_site.leaderboard.models import Membership, Scope, SubmissionUpload, Track
from benchmark_site.leaderboard.teams.tokens import create_token
from benchmark_site.tus.protocol import BYTES
from benchmark_site.wsgi import application
from tests.leaderboard.conftest import ApiClient, small_file

schemathesis = pytest.importorskip("schemathesis")
serialize_binary = pytest.importorskip("schemathesis.transport.serialization").serialize_binary
pytestmark = pytest.mark.django_db

# What is asked of clients, not of answers: a refusal of what the schema allows, and the other way round.
OF_CLIENTS = {"positive_data_acceptance", "negative_data_rejection", "missing_required_header", "ignored_auth"}
schemathesis.checks.load_all_checks()
EXCLUDED = [check for check in schemathesis.checks.CHECKS.get_all() if check.__name__ in OF_CLIENTS]
OPERATIONS = [
    ("/api/tracks", "GET"),
    ("/api/tracks/{slug}/{version}/{task}/{split}/submissions", "POST"),
    ("/api/submissions", "GET"),
    ("/api/submissions/{submission_id}", "GET"),
    ("/api/submissions/{submission_id}", "PATCH"),
    ("/api/submissions/{submission_id}/cancel", "POST"),
    ("/api/submissions/{submission_id}/file", "DELETE"),
    ("/api/batches", "GET"),
    ("/api/batches", "POST"),
    *(("/api/batches/{batch_id}" + part, "GET") for part in ("", "/cost", "/progress", "/results")),
    *(("/api/batches/{batch_id}" + part, "POST") for part in ("/launch", "/extend", "/bonuses", "/{order}")),
    ("/api/tracks/{slug}/{version}/{task}/{split}/uploads", "POST"),
    *(("/api/uploads/{upload_id}", method) for method in ("HEAD", "PATCH", "DELETE", "GET")),
]


@schemathesis.serializer(BYTES)
def as_it_is(ctx: Any, value: Any) -> Any:
    """A piece of a file."""
    return serialize_binary(value)


@pytest.fixture
def schema(track: Track) -> Any:
    with one_connection():
        return schemathesis.openapi.from_wsgi("/api/openapi.json", application)


@contextmanager
def one_connection() -> Iterator[None]:
    """The application is asked in this test's transaction: as for Django's own test client, its connection stays."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def test_every_operation_is_tried(schema: Any) -> None:
    found = [result.ok() for result in schema.get_all_operations()]
    assert [(one.path, one.method.upper()) for one in found] == OPERATIONS


@pytest.mark.parametrize("known", [True, False], ids=["token", "stranger"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_are_those_of_the_schema(
    schema: Any, membership: Membership, api_client: ApiClient, track: Track, tmp_path: Any,
    path: str, method: str, known: bool,
) -> None:  # fmt: skip
    sent = api_client.post(track, small_file(tmp_path))[1]["id"]
    scope = Scope.ORDERS if path.startswith("/api/batches") else Scope.SUBMIT
    headers = {"Authorization": f"Bearer {create_token(membership, scope=scope)}"} if known else {}
    membership.user.groups.add(Group.objects.get(name="Requesters"))
    batch = Batch.objects.create(name="draft", kind=Kind.SEGMENT, reward="0.10", budget="5.00")
    slug, version, task, split = track.path.split("/")
    there = {"slug": slug, "version": version, "task": task, "split": split, "submission_id": sent}
    there |= {"batch_id": batch.pk, "order": "pause"}
    begun = SubmissionUpload.objects.create(
        owner=membership.user, team=membership.team, track=track, name="p.json", size=9
    )
    there |= {"upload_id": str(begun.pk)}
    seen = set()

    @settings(
        max_examples=30, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=schema[path][method].as_strategy(), real=...)
    def check(case: Any, real: bool) -> None:
        if real:  # a thing that is there, as often as one that is not
            case.path_parameters = {name: there[name] for name in case.path_parameters or {}}
        with transaction.atomic():
            response = case.call(headers=headers)
            transaction.set_rollback(True)
        case.validate_response(response, headers=headers, excluded_checks=EXCLUDED)
        seen.add(response.status_code)
        assert (response.status_code == 401) != known

    with one_connection():
        check()
    assert seen
