"""What clients of the protocol send and expect, and what a requirement may ask for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.marketplace.lab import Lab
from tests.marketplace.site import Site

LOCALE = "00000000000000000071"


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site)


def test_an_empty_reason_takes_a_qualification_away(lab: Lab) -> None:
    """Mephisto's default."""
    kind, worker = lab.qualification_type(), lab.worker
    lab.api.associate_qualification_with_worker(QualificationTypeId=kind, WorkerId=worker.id, IntegerValue=1)
    lab.api.disassociate_qualification_from_worker(QualificationTypeId=kind, WorkerId=worker.id, Reason="")
    holders = lab.api.list_workers_with_qualification_type(QualificationTypeId=kind, Status="Granted")
    assert holders["NumResults"] == 0


def test_an_empty_reason_ends_a_block_and_makes_none(lab: Lab) -> None:
    worker = lab.colleague
    with pytest.raises(ClientError, match="Reason must not be empty"):
        lab.api.create_worker_block(WorkerId=worker.id, Reason="")
    lab.api.create_worker_block(WorkerId=worker.id, Reason="spam")
    lab.api.delete_worker_block(WorkerId=worker.id, Reason="")
    assert worker.id not in {row["WorkerId"] for row in lab.api.list_worker_blocks(MaxResults=100)["WorkerBlocks"]}


def balance(lab: Lab) -> Any:
    answer = lab.api.get_account_balance()
    return answer["AvailableBalance"], answer["OnHoldBalance"]


@pytest.mark.parametrize(
    ("code", "hint"), [("UK", "GB is"), ("gb", "GB is"), ("XX", "no country"), ("ZZ", "ISO 3166-1")]
)
def test_a_country_that_nobody_is_from_is_refused_before_money_is_held(lab: Lab, code: str, hint: str) -> None:
    before = balance(lab)
    requirement = {
        "QualificationTypeId": LOCALE,
        "Comparator": "In",
        "LocaleValues": [{"Country": "DE"}, {"Country": code}],
    }
    with pytest.raises(ClientError, match=hint):
        lab.hit(QualificationRequirements=[requirement])
    assert balance(lab) == before
    requirement["LocaleValues"] = [{"Country": "DE"}, {"Country": "GB"}]
    lab.hit(QualificationRequirements=[requirement])


def test_a_newcomer_is_told_what_waits_and_how_to_get_it(lab: Lab) -> None:
    worker = lab.site.worker()
    others = hidden_hits(worker.get("/").text)  # the site is shared with other tests
    kind = lab.qualification_type(Name="Annotators of this lab", Description="Joins a group")
    guard = {"Comparator": "EqualTo", "IntegerValues": [1], "ActionsGuarded": "DiscoverPreviewAndAccept"}
    hits = [lab.hit(QualificationRequirements=[{"QualificationTypeId": kind, **guard}]) for _ in range(3)]
    page = worker.get("/")
    assert hidden_hits(page.text) == others + 3
    assert f"{others + 3} tasks wait for people with a qualification" in page.text
    assert "Annotators of this lab" in page.text
    assert hits[0]["HITTypeId"] not in page.text, "what they are stays hidden"
    worker.press(page, "request-qualification")
    assert "You have asked for it" in worker.get("/").text
    (request,) = lab.api.list_qualification_requests(QualificationTypeId=kind)["QualificationRequests"]
    lab.api.accept_qualification_request(QualificationRequestId=request["QualificationRequestId"], IntegerValue=1)
    page = worker.get("/")
    assert len(page.hit_types) >= 3
    assert hidden_hits(page.text) == others


def hidden_hits(page: str) -> int:
    found = re.search(r'data-hidden-hits="(\d+)"', page)
    return int(found[1]) if found else 0


def test_work_for_chosen_people_is_no_riddle(lab: Lab) -> None:
    worker = lab.site.worker()
    kind = lab.qualification_type(QualificationTypeStatus="Active")
    lab.api.update_qualification_type(QualificationTypeId=kind, QualificationTypeStatus="Inactive")
    requirement = {"QualificationTypeId": kind, "Comparator": "Exists", "ActionsGuarded": "DiscoverPreviewAndAccept"}
    lab.hit(QualificationRequirements=[requirement])
    assert "it cannot be asked for" in worker.get("/").text
