"""The reading side of the API: tracks, submissions, cancelling, errors of one shape."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from benchmark_site.leaderboard.boards.tracks import open_boards
from benchmark_site.leaderboard.models import Evaluation, Membership, Scope, State, Submission, Team, Track
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.leaderboard.conftest import ApiClient, add_scores, freeze, small_file, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(api_client: ApiClient, track: Track, tmp_path: Path) -> Submission:
    return Submission.objects.get(pk=api_client.post(track, small_file(tmp_path))[1]["id"])


@pytest.fixture
def stranger(db: None) -> ApiClient:
    user = User.objects.create_user("eve")
    return ApiClient(create_token(Membership.objects.create(team=Team.objects.create(name="Other"), user=user)))


def test_tracks_are_listed_with_the_teams_quota(api_client: ApiClient, sent: Submission, stranger: ApiClient) -> None:
    status, listed = api_client.get("tracks")
    assert status == 200
    assert {one["track"] for one in listed} == {
        f"demo/1.0.0/{task}/{split}" for task in ("moment", "qa") for split in ("val", "test")
    }
    mine = next(one for one in listed if one["track"] == sent.track.path)
    assert (mine["quota"]["used_day"], mine["quota"]["left"]) == (1, sent.track.per_day - 1)
    assert mine["release_sha256"] == sent.track.release.sha256
    theirs = next(one for one in stranger.get("tracks")[1] if one["track"] == sent.track.path)
    assert theirs["quota"]["used_day"] == 0


def test_the_lists_are_read_by_few_queries(
    api_client: ApiClient, sent: Submission, membership: Membership, release_folder: Path,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    add_scores(sent, {sent.track.primary_metric: 12.0})
    for number in range(20):
        sent.pk, sent.sha256 = uuid.uuid4(), f"{number:064x}"
        sent.save(force_insert=True)
        waiting(sent)
        add_scores(sent, {sent.track.primary_metric: 12.0})
    with django_assert_max_num_queries(6):
        listed = api_client.get("submissions")[1]
    assert [len(one["scores"]) for one in listed] == [1] * 21
    open_boards(freeze(release_folder, "other").pk)
    for name in ("eve", "zoe"):
        Membership.objects.create(team=membership.team, user=User.objects.create_user(name))
    with django_assert_max_num_queries(12):  # one a person, and one for each of the four hidden boards
        assert len(api_client.get("tracks")[1]) == 8


def test_a_submission_is_read_by_its_own_team_only(
    api_client: ApiClient, sent: Submission, stranger: ApiClient
) -> None:
    assert api_client.get(f"submissions/{sent.pk}")[1]["state"] == "queued"
    assert [one["id"] for one in api_client.get("submissions")[1]] == [str(sent.pk)]
    Submission.objects.update(public=True)
    assert stranger.get(f"submissions/{sent.pk}")[0] == 404
    assert stranger.send("PATCH", f"submissions/{sent.pk}", {"public": False})[0] == 404
    assert stranger.send("POST", f"submissions/{sent.pk}/cancel")[0] == 404
    assert stranger.get("submissions")[1] == []
    assert Submission.objects.get().public


def test_scores_come_with_their_intervals(api_client: ApiClient, sent: Submission) -> None:
    add_scores(sent, {sent.track.primary_metric: 12.34375})
    read = api_client.get(f"submissions/{sent.pk}")[1]
    assert read["state"] == "done"
    assert read["scores"] == [
        {
            "key": sent.track.primary_metric, "value": 12.34375, "low": 7.34375, "high": 17.34375, "n": 32,
            "blind": 5.0555, "beats_blind": True, "part": "all",
        }
    ]  # fmt: skip


def test_a_failed_new_scoring_takes_no_score_away(api_client: ApiClient, sent: Submission) -> None:
    add_scores(sent, {sent.track.primary_metric: 12.34375})
    again = Evaluation.objects.create(submission=sent, evaluator_version="next", manifest_sha256="0" * 64)
    again.end(State.FAILED, "the scorer was out of memory")
    read = api_client.get(f"submissions/{sent.pk}")[1]
    assert (read["state"], read["error"]) == ("done", "")
    assert [score["value"] for score in read["scores"]] == [12.34375]


def test_cancelling_frees_the_slot_and_ends_the_evaluation(api_client: ApiClient, sent: Submission) -> None:
    status, read = api_client.send("POST", f"submissions/{sent.pk}/cancel")
    assert (status, read["state"]) == (200, "cancelled")
    assert api_client.get("tracks")[1][0]["quota"]["used_total"] == 0
    status, answer = api_client.send("POST", f"submissions/{sent.pk}/cancel")
    assert status == 409
    assert answer["errors"][0]["code"] == "finished"


def test_a_finished_submission_cannot_be_cancelled_for_its_slot(api_client: ApiClient, sent: Submission) -> None:
    add_scores(sent, {"VR.R@1": 1.0})
    assert api_client.send("POST", f"submissions/{sent.pk}/cancel")[0] == 409
    assert Evaluation.objects.get().state == State.DONE
    assert Submission.objects.get().counts


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("GET", f"submissions/{uuid.UUID(int=7)}", None, 404, "submission"),
        ("PATCH", "submissions/{sent}", {"public": "perhaps"}, 422, "public"),
        ("PATCH", "submissions/{sent}", {}, 422, "public"),
        ("PATCH", "submissions/{sent}", [], 422, "public"),
    ],
)
def test_errors_have_one_shape(
    api_client: ApiClient, sent: Submission, method: str, path: str, body: object, status: int, field: str
) -> None:
    found, answer = api_client.send(method, path.format(sent=sent.pk), body)
    assert found == status
    (error,) = answer["errors"]
    assert error["field"] == field
    assert error["code"]
    assert error["message"]


def test_a_body_that_is_no_json_is_refused_in_the_same_shape(api_client: ApiClient, sent: Submission) -> None:
    answer = api_client.client.patch(
        f"/api/submissions/{sent.pk}", b"{", content_type="application/json", headers=api_client.headers
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


def test_the_description_of_the_api_can_be_read() -> None:
    description = Client().get("/api/openapi.json").json()
    path = "/api/tracks/{slug}/{version}/{task}/{split}/submissions"
    form = description["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["required"]) == {"method", "file"}


@pytest.mark.parametrize(
    "path", ["submissions/7", "submissions/%00", "submissions/nothing/cancel", "nothing", "tracks/a"]
)
def test_a_bad_address_answers_in_the_one_shape(api_client: ApiClient, path: str) -> None:
    for method in ("GET", "POST"):
        response = api_client.client.generic(method, f"/api/{path}", headers=api_client.headers)
        if response.status_code == 405:
            continue
        assert response.status_code == 404
        assert error_of(response)["code"] == "not_found"


def error_of(response: Any) -> dict[str, Any]:
    """The one error of an answer in the one shape."""
    assert response["Content-Type"].startswith("application/json")
    (error,) = response.json()["errors"]
    assert error.keys() == {"field", "code", "message"}
    assert error["message"]
    return dict(error)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "tracks", "GET"),
        ("DELETE", "submissions/{sent}", "GET, PATCH"),
        ("PUT", "batches", "GET, POST"),
        ("GET", "tracks/{track}/uploads", "OPTIONS, POST"),
        ("POST", f"uploads/{uuid.UUID(int=7)}", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ],
)
def test_a_wrong_method_answers_in_the_one_shape(
    api_client: ApiClient, sent: Submission, method: str, path: str, allowed: str
) -> None:
    address = f"/api/{path.format(sent=sent.pk, track=sent.track.path)}"
    headers = {**api_client.headers, "Tus-Resumable": "1.0.0"}
    response = api_client.client.generic(method, address, headers=headers)
    assert response.status_code == 405
    error = error_of(response)
    assert (error["code"], error["field"]) == ("method", None)
    assert error["message"].endswith(f": {allowed}")
    assert sorted(response["Allow"].split(", ")) == allowed.split(", ")
    assert int(response["Content-Length"]) == len(response.content)


def test_a_fault_of_ours_answers_in_the_one_shape(
    api_client: ApiClient, sent: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("benchmark_site.leaderboard.api.submissions_out", fail)
    api_client.client.raise_request_exception = False
    response = api_client.client.get("/api/submissions", headers=api_client.headers)
    assert (response.status_code, error_of(response)["code"]) == (500, "fault")
    assert b"secret" not in response.content


def test_what_is_for_nobody_answers_in_the_one_shape() -> None:
    response = Client().get("/api/")
    assert (response.status_code, error_of(response)["code"]) == (403, "forbidden")


def test_older_submissions_are_on_the_next_pages(
    api_client: ApiClient, sent: Submission, stranger: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark_site.leaderboard.api.PAGE", 2)
    made = [sent]
    for number in range(4):
        sent.pk, sent.sha256 = uuid.uuid4(), f"{number:064x}"
        sent.save(force_insert=True)  # at the very same time
        made.append(Submission.objects.get(pk=sent.pk))
        waiting(made[-1])
    found, address = [], "/api/submissions"
    while address:
        response = api_client.client.get(address, headers=api_client.headers)
        found.append([one["id"] for one in response.json()])
        address = response.get("Link", "").partition("; rel")[0].strip("<>")
    assert [len(page) for page in found] == [2, 2, 1]
    assert {one for page in found for one in page} == {
        str(pk) for pk in Submission.objects.values_list("pk", flat=True)
    }
    status, refused = stranger.get(f"submissions?before={made[0].pk}")
    assert (status, refused["errors"][0]["code"]) == (404, "not_found")


def test_a_token_that_orders_work_reads_no_submissions(sent: Submission, membership: Membership) -> None:
    orders = ApiClient(create_token(membership, scope=Scope.ORDERS))
    for path in ("submissions", f"submissions/{sent.pk}", "tracks"):
        status, refused = orders.get(path)
        assert (status, refused["errors"][0]["code"]) == (403, "scope")


def test_the_schema_names_every_status(api_client: ApiClient) -> None:
    paths = api_client.get("openapi.json")[1]["paths"]
    named = {
        (method, path.removeprefix("/api")): {int(status) for status in operation["responses"]}
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method != "parameters"
    }
    one, batch, upload = "/submissions/{submission_id}", "/batches/{batch_id}", "/uploads/{upload_id}"
    assert named == {
        ("get", "/tracks"): {200, 401, 403},
        ("post", "/tracks/{slug}/{version}/{task}/{split}/submissions"): {
            201, 400, 401, 403, 404, 408, 409, 411, 413, 422, 429,
        },
        ("get", "/submissions"): {200, 401, 403, 404},
        ("get", one): {200, 401, 403, 404},
        ("patch", one): {200, 400, 401, 403, 404, 409, 422},
        ("post", f"{one}/cancel"): {200, 401, 403, 404, 409},
        ("delete", f"{one}/file"): {200, 401, 403, 404, 409},
        ("get", "/batches"): {200, 401, 403},
        ("post", "/batches"): {201, 400, 401, 403, 422},
        ("get", batch): {200, 401, 403, 404},
        **{("get", f"{batch}/{part}"): {200, 401, 403, 404} for part in ("cost", "progress", "results")},
        **{
            ("post", f"{batch}/{act}"): {200, 400, 401, 403, 404, 409, 422} for act in ("launch", "extend", "bonuses")
        },
        ("post", f"{batch}/{{order}}"): {200, 401, 403, 404, 409},
        ("post", "/tracks/{slug}/{version}/{task}/{split}/uploads"): {201, 400, 401, 403, 404, 409, 412, 413, 429},
        ("get", upload): {200, 401, 403, 404},
        ("head", upload): {200, 401, 403, 404, 412},
        ("patch", upload): {204, 400, 401, 403, 404, 409, 412, 415, 429},
        ("delete", upload): {204, 401, 403, 404, 412},
    }  # fmt: skip
