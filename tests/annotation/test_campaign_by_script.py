"""A campaign by the API and by command: the same rules, one shape of refusals, results that can be read on."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client

from annotation.crowd import decisions, launch, reconcile, steering
from annotation.crowd.workers import bonuses
from annotation.models import Assignment, Batch, Bonus, Clip, EntryTest
from annotation.review import verdicts
from annotation.review.verdicts import Verdict
from benchmark_site.leaderboard.models import Membership, Scope, Team
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.annotation.crowd.conftest import annotators, crowd, lab  # noqa: F401  (fixtures)
from tests.annotation.crowd.orders import GOOD
from tests.marketplace.site import WorkerBrowser

pytestmark = pytest.mark.django_db
DRAFT = {"name": "pilot", "kind": "segment", "reward": "0.12", "budget": "5.00", "assignments_per_hit": 1}


class Api:
    """The API, by a token."""

    def __init__(self, scope: Scope = Scope.ORDERS, group: str = "Requesters") -> None:
        user = User.objects.create_user(f"user of {scope} {group}")
        if group:
            user.groups.add(Group.objects.get(name=group))
        member = Membership.objects.create(team=Team.objects.create(name=f"Team {user.pk}"), user=user)
        self.headers = {"authorization": f"Bearer {create_token(member, scope=scope)}"}

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        sent = "" if body is None else json.dumps(body)
        answer = Client().generic(method, f"/api/batches{path}", sent, "application/json", headers=self.headers)
        return answer.status_code, answer.json()


def campaign(*arguments: str) -> str:
    out = io.StringIO()
    call_command("campaign", *arguments, stdout=out)
    return out.getvalue()


def test_a_campaign_by_api_from_the_draft_to_its_results(
    clip: Clip,
    annotators: list[WorkerBrowser],  # noqa: F811
) -> None:
    api = Api()
    status, made = api("POST", "", DRAFT)
    assert (status, made["state"], made["name"]) == (201, "draft", "pilot")
    at = f"/{made['id']}"
    assert Batch.objects.get().created_by is not None
    costs = api("GET", f"{at}/cost")[1]
    assert costs == {
        "units": 1, "answers": 1, "rewards": "0.12", "bonuses": "0.00", "fees": "0.02", "total": "0.14",
        "budget": "5.00",
    }  # fmt: skip
    refused = api("POST", f"{at}/launch", {"amount": "0.13"})
    assert refused[0] == 409
    assert "type the amount, 0.14" in refused[1]["errors"][0]["message"]
    assert api("POST", f"{at}/launch", {"amount": ""})[0] == 409
    status, shown = api("POST", f"{at}/launch", {"amount": costs["total"]})
    assert (status, shown["state"]) == (200, "launching")
    launch.launch(made["id"])
    annotators[0].do(Batch.objects.get().hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    found = api("GET", f"{at}/results")[1]
    (answer,) = found["answers"]
    assert (answer["answer"], answer["worker_id"], answer["state"]) == (GOOD, annotators[0].id, "submitted")
    assert answer["clip"] == clip.name
    assert found["next"] is None
    assert api("GET", f"{at}/results?after={answer['number']}")[1]["answers"] == []
    bonus = {key: answer[key] for key in ("assignment_id", "worker_id")} | {"amount": "0.50", "reason": "good"}
    assert api("POST", f"{at}/bonuses", bonus)[1]["new"] is True
    assert api("POST", f"{at}/bonuses", bonus)[1]["new"] is False
    assert api("POST", f"{at}/bonuses", {**bonus, "worker_id": "ANOBODY"})[0] == 404
    assert "already" in api("POST", f"{at}/bonuses", {**bonus, "amount": "0.60"})[1]["errors"][0]["message"]
    bonuses.push_bonus(Bonus.objects.get().pk)
    verdicts.decide(answer["number"], Verdict.USE, None)
    decisions.push_decision(answer["number"])
    after = api("GET", f"{at}/progress")[1]
    assert (after["state"], after["used"], after["units"]["done"], after["answers"]["approved"]) == ("closed", 1, 1, 1)
    assert (after["money"]["spent"], after["money"]["held"]) == ("0.74", "0.00")


def test_orders_by_api_have_the_rules_of_the_pages(clip: Clip) -> None:
    api = Api()
    batch = Batch.objects.create(
        name="open", kind="segment", reward=Decimal("0.12"), budget=Decimal(5), state=Batch.State.OPEN, hit_type_id="T"
    )
    at = f"/{batch.pk}"
    seen = [
        api("POST", f"{at}/{order}", body)[1].get("state")
        for order, body in (("pause", None), ("pause", None), ("resume", None), ("extend", {"days": 3}), ("stop", None))
    ]
    assert seen == ["paused", None, "open", "open", "closing"]
    for order in ("again", "rest"):
        status, said = api("POST", f"{at}/{order}")
        assert (status, said["errors"][0]["code"]) == (409, "refused")
    assert api("POST", f"{at}/dance")[0] == 404
    assert api("POST", "/99999/pause")[0] == 404
    assert api("POST", "/99999999999999999999/pause")[0] == 404
    assert [row["name"] for row in api("GET", "")[1]] == ["open"]
    assert api("GET", f"?after={batch.pk}")[1] == []
    assert api("GET", at)[1]["page"].endswith(batch.get_absolute_url())


@pytest.mark.parametrize(
    ("change", "field"),
    [({"reward": "0"}, "reward"), ({"kind": "dance"}, "kind"), ({"sample": "x"}, "sample"), ({"name": ""}, "name"),
     ({"countries": ["uk"]}, "countries"), ({"qualifications": ["x"]}, "qualifications"), ({"speed": 1}, "speed"),
     ({"entry_test": "none such"}, "entry_test"), ({"assignments_per_hit": 6}, "assignments_per_hit"),
     ({"hidden_share": 1.5}, "hidden_share"), ({"state": "open"}, "state"), ({"name": ["a"] * 60}, "name")],
)  # fmt: skip
def test_what_makes_no_draft_names_the_field(db: None, change: dict[str, Any], field: str) -> None:
    status, said = Api()("POST", "", {**DRAFT, **change})
    assert status == 422
    assert field in [error["field"] for error in said["errors"]]
    assert not Batch.objects.exists()


def test_every_refusal_of_a_draft_is_told_at_once(db: None) -> None:
    said = Api()("POST", "", {**DRAFT, "reward": "-1", "budget": "x"})[1]
    assert sorted(error["field"] for error in said["errors"]) == ["budget", "reward"]


def test_a_draft_takes_lists_and_the_name_of_a_test(db: None) -> None:
    test = EntryTest.objects.create(name="moments", questions="Q\n+ a\n- b")
    more = {"countries": ["US", "GB"], "qualifications": ["3A exists"], "entry_test": "moments", "canary": 5}
    assert Api()("POST", "", {**DRAFT, **more})[0] == 201
    batch = Batch.objects.get()
    assert (batch.countries, batch.qualifications, batch.entry_test, batch.canary) == ("US, GB", "3A exists", test, 5)


@pytest.mark.parametrize(
    ("scope", "group", "code"),
    [(Scope.READ, "Requesters", "scope"), (Scope.SUBMIT, "Requesters", "scope"), (Scope.ORDERS, "Reviewers", "role"),
     (Scope.ORDERS, "", "role")],
)  # fmt: skip
def test_orders_need_their_own_scope_and_somebody_who_may(db: None, scope: Scope, group: str, code: str) -> None:
    api = Api(scope, group)
    for call in (("GET", ""), ("POST", "", DRAFT)):
        status, said = api(*call)
        assert (status, said["errors"][0]["code"]) == (403, code)
    assert not Batch.objects.exists()


def test_a_campaign_by_command(clip: Clip, tmp_path: Path) -> None:
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(DRAFT))
    assert campaign("create", str(file)).strip() == "pilot"
    assert json.loads(campaign("cost", "pilot"))["total"] == "0.14"
    with pytest.raises(CommandError, match=r"type the amount, 0.14"):
        campaign("launch", "pilot", "--amount", "0.15")
    assert json.loads(campaign("launch", "pilot", "--amount", "0.14"))["state"] == "launching"
    Batch.objects.update(state=Batch.State.OPEN)
    orders = (["pause", "pilot"], ["resume", "pilot"], ["extend", "pilot", "--days", "2"], ["stop", "pilot"])
    states = [json.loads(campaign(*order))["state"] for order in orders]
    assert states == ["paused", "open", "open", "closing"]
    assert steering.close(Batch.objects.get().pk)
    assert json.loads(campaign("progress", "pilot"))["state"] == "closed"
    with pytest.raises(CommandError, match="no unit of this batch is over"):
        campaign("again", "pilot")
    with pytest.raises(CommandError, match="nothing of it is held back"):
        campaign("rest", "pilot")


def test_results_by_command_are_a_line_an_answer(make_hit: Any, worker: Any) -> None:
    hit = make_hit("segment")
    for number, state in enumerate(["approved", "submitted"]):
        Assignment.objects.create(
            hit=hit,
            worker=worker if not number else type(worker).objects.create(environment="local", worker_id="AW2"),
            assignment_id=f"3A{number}", answer="", payload=GOOD, state=state, submitted_at="2026-01-01T00:00:00Z",
        )  # fmt: skip
    rows = [json.loads(line) for line in campaign("results", hit.batch.name).splitlines()]
    assert [(row["assignment_id"], row["state"], row["answer"]) for row in rows] == [
        ("3A0", "approved", GOOD),
        ("3A1", "submitted", GOOD),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [("[1]", "JSON object with the fields name"), ("{", "JSON in UTF-8"), (None, "No such file"),
     ('{"name": "x"}', "reward: "), ('{"colour": 1}', "colour: there is no such field")],
)  # fmt: skip
def test_a_file_that_makes_no_draft_says_why(db: None, tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "draft.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CommandError, match=why):
        campaign("create", str(file))
    with pytest.raises(CommandError, match="no batch 'x'"):
        campaign("cost", "x")
