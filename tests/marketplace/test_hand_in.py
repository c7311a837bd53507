"""How answers may be handed in: by body, by address, by both; how large; and what is said where they are refused."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import pytest
from defusedxml.ElementTree import fromstring

from tests.marketplace.lab import Lab
from tests.marketplace.site import Page, Site


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site)


def ids(page: Page) -> dict[str, str]:
    return {name: page.parameter(name) for name in ("assignmentId", "workerId", "hitId")}


def door(lab: Lab) -> str:
    return f"{lab.site.url}/mturk/externalSubmit"


def answers(lab: Lab, page: Page) -> dict[str, str]:
    got = lab.api.get_assignment(AssignmentId=page.parameter("assignmentId"))["Assignment"]["Answer"]
    rows = fromstring(got.encode()).findall("{*}Answer")
    return {row.findtext("{*}QuestionIdentifier") or "": row.findtext("{*}FreeText") or "" for row in rows}


def accepted(lab: Lab) -> Page:
    page = lab.worker.accept(lab.hit()["HITTypeId"])
    assert page.frame is not None
    return page


@pytest.mark.parametrize("way", ["body", "address", "id in the address, data in the body", "parts"])
def test_an_answer_comes_by_body_address_or_both(lab: Lab, way: str) -> None:
    page = accepted(lab)
    data, http = {"rating": "5", "why": "it moves"}, lab.worker.frame
    if way == "body":
        response = http.post(door(lab), data={**ids(page), **data})
    elif way == "address":
        response = http.get(door(lab), params={**ids(page), **data})
    elif way == "parts":
        response = http.post(door(lab), data=ids(page), files={name: (None, text) for name, text in data.items()})
    else:
        response = http.post(f"{door(lab)}?{urlencode(ids(page))}", data=data)
    assert response.status_code == 200, response.text
    assert answers(lab, page) == data


def test_what_the_body_says_counts_where_the_address_says_it_too(lab: Lab) -> None:
    page = accepted(lab)
    response = lab.worker.frame.post(f"{door(lab)}?{urlencode({**ids(page), 'a': 'old'})}", data={"a": "new"})
    assert response.status_code == 200
    assert answers(lab, page) == {"a": "new"}


def test_ticked_boxes_of_one_name_arrive_joined(lab: Lab) -> None:
    page = accepted(lab)
    fields = {**ids(page), "seen": ["cat", "dog", "owl"], "sure": "yes"}
    assert lab.worker.frame.post(door(lab), data=fields).status_code == 200
    assert answers(lab, page) == {"seen": "cat|dog|owl", "sure": "yes"}


def test_1500_fields_and_1200_kilobytes_arrive(lab: Lab) -> None:
    for data in ({f"f{n}": str(n) for n in range(1500)}, {"text": "é" * 600_000}):
        page = accepted(lab)
        assert lab.worker.frame.post(door(lab), data={**ids(page), **data}).status_code == 200
        assert answers(lab, page) == data


def _put(lab: Lab, page: Page) -> httpx.Response:
    return lab.worker.frame.put(door(lab), data=ids(page))


def _too_many(lab: Lab, page: Page) -> httpx.Response:
    return lab.worker.frame.post(door(lab), data={**ids(page), **{f"f{n}": "" for n in range(5001)}})


def _too_large(lab: Lab, page: Page) -> httpx.Response:
    return lab.worker.frame.post(door(lab), data={**ids(page), "text": "x" * 2_200_000})


def _far_too_large(lab: Lab, page: Page) -> httpx.Response:
    return lab.worker.frame.post(door(lab), data={**ids(page), "text": "x" * 7_000_000})


def _broken(lab: Lab, page: Page) -> httpx.Response:
    kind = {"Content-Type": "multipart/form-data; boundary="}
    return lab.worker.frame.post(f"{door(lab)}?{urlencode(ids(page))}", content=b"--x\r\n", headers=kind)


def _nothing(lab: Lab, page: Page) -> httpx.Response:
    return lab.worker.frame.post(door(lab), data=ids(page))


@pytest.mark.parametrize(
    ("send", "status", "words"),
    [
        (_put, 405, "GET or POST"),
        (_too_many, 413, "5000 fields"),
        (_too_large, 413, "2 megabytes"),
        (_far_too_large, 413, "2 megabytes"),
        (_broken, 400, "could not be read"),
        (_nothing, 400, "at least one more field"),
    ],
)
def test_a_refusal_can_be_read_in_the_frame_and_leaves_the_assignment_open(
    lab: Lab, send: object, status: int, words: str
) -> None:
    page = accepted(lab)
    response = send(lab, page)  # type: ignore[operator]
    assert (response.status_code, words in response.text) == (status, True), response.text
    assert "X-Frame-Options" not in response.headers
    assert f"frame-ancestors {lab.site.url}" in response.headers["Content-Security-Policy"]
    assert lab.worker.frame.post(door(lab), data={**ids(page), "a": "b"}).status_code == 200
    assert answers(lab, page) == {"a": "b"}
