"""Lists to their end, on every page size, while rows come and go."""

from __future__ import annotations

import pytest

from tests.marketplace.lab import Lab, unique
from tests.marketplace.site import Site


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site)


def test_26_hits_come_in_pages_of_ten_by_default(lab: Lab) -> None:
    title = unique("Paged")
    ids = [lab.hit(Title=title, Reward="0.01")["HITId"] for _ in range(26)]
    pages = list(lab.api.get_paginator("list_hits").paginate())
    assert [page["NumResults"] for page in pages] == [10, 10, 6, 0], "an empty page ends the list"
    assert "NextToken" not in pages[-1]
    assert all(len(page["NextToken"]) <= 255 for page in pages[:-1])
    assert [hit["HITId"] for page in pages for hit in page["HITs"]] == ids[::-1]
    for size in (1, 7, 26, 100):
        sized = lab.api.get_paginator("list_hits").paginate(PaginationConfig={"PageSize": size})
        assert [hit["HITId"] for page in sized for hit in page["HITs"]] == ids[::-1]


def test_rows_added_while_paging_shift_nothing(lab: Lab) -> None:
    hit = lab.hit(MaxAssignments=6)
    workers = lab.site.crowd(6)
    done = [worker.do(hit["HITTypeId"]) for worker in workers[:4]]
    first = lab.api.list_assignments_for_hit(HITId=hit["HITId"], MaxResults=2)
    done += [worker.do(hit["HITTypeId"]) for worker in workers[4:]]
    lab.api.reject_assignment(AssignmentId=done[0], RequesterFeedback="No")
    seen = [row["AssignmentId"] for row in first["Assignments"]]
    token = first["NextToken"]
    while token:
        page = lab.api.list_assignments_for_hit(HITId=hit["HITId"], MaxResults=2, NextToken=token)
        seen += [row["AssignmentId"] for row in page["Assignments"]]
        token = page.get("NextToken")
    assert seen == done


def test_the_systems_qualification_types_end_the_list(lab: Lab) -> None:
    pages = lab.api.get_paginator("list_qualification_types").paginate(
        MustBeRequestable=False, PaginationConfig={"PageSize": 2}
    )
    names = [row["Name"] for page in pages for row in page["QualificationTypes"]]
    assert {"Worker_Locale", "Worker_NumberHITsApproved", "Worker_PercentAssignmentsApproved"} <= set(names)
    assert len(names) == len(set(names)) + 1, "Masters stands there with its two ids"


def test_a_client_that_counts_on_the_token_of_every_page_with_rows_reads_all(lab: Lab) -> None:
    """As Mephisto's provider does: it takes NextToken from each page and stops at one without HITs."""
    ids = {lab.hit()["HITId"] for _ in range(3)}
    answer = lab.api.list_hits(MaxResults=2)
    seen: list[str] = []
    while answer["NumResults"] > 0:
        seen += [hit["HITId"] for hit in answer["HITs"]]
        answer = lab.api.list_hits(MaxResults=2, NextToken=answer["NextToken"])
    assert ids <= set(seen)
    assert len(seen) == len(set(seen))
