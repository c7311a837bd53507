"""A requester's and some workers' usual moves, and a watch on every answer of the API."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

from tests.marketplace.site import FORM, Site, WorkerBrowser, external

HIT = {
    "Title": "Choose a segment",
    "Description": "Watch a clip and choose a part of it",
    "Keywords": "video, language",
    "Reward": "0.15",
    "AssignmentDurationInSeconds": 600,
    "LifetimeInSeconds": 86_400,
}
TEST_FORM = FORM.format(
    questions="<Question><QuestionIdentifier>capital</QuestionIdentifier><DisplayName>Capital</DisplayName>"
    "<IsRequired>true</IsRequired><QuestionContent><Text>Which city is it?</Text></QuestionContent>"
    "<AnswerSpecification><SelectionAnswer><StyleSuggestion>radiobutton</StyleSuggestion><Selections>"
    "<Selection><SelectionIdentifier>a</SelectionIdentifier><Text>Athens</Text></Selection>"
    "<Selection><SelectionIdentifier>b</SelectionIdentifier><Text>Berlin</Text></Selection>"
    "</Selections></SelectionAnswer></AnswerSpecification></Question>"
    "<Question><QuestionIdentifier>why</QuestionIdentifier><DisplayName>Reason</DisplayName>"
    "<QuestionContent><Text>Why?</Text></QuestionContent><AnswerSpecification><FreeTextAnswer><Constraints>"
    '<Length maxLength="20"/></Constraints></FreeTextAnswer></AnswerSpecification></Question>'
)
ANSWER_KEY = (
    '<AnswerKey xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/AnswerKey.xsd">'
    "<Question><QuestionIdentifier>capital</QuestionIdentifier><AnswerOption><SelectionIdentifier>b"
    "</SelectionIdentifier><AnswerScore>10</AnswerScore></AnswerOption><DefaultScore>0</DefaultScore></Question>"
    "<QualificationValueMapping><PercentageMapping><MaximumSummedScore>10</MaximumSummedScore></PercentageMapping>"
    "</QualificationValueMapping></AnswerKey>"
)
_numbers = itertools.count(1)


@dataclass
class Watch:
    """Compares every answer with the service model: what was sent is exactly what botocore reads from it."""

    seen: dict[str, set[str]] = field(default_factory=dict)

    def on(self, client: Any) -> Any:
        client.meta.events.register("after-call.mturk", self)
        return client

    def __call__(self, http_response: Any, parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
        if http_response.status_code != 200:
            return
        sent = json.loads(http_response.content)
        members = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        report = ParamValidator().validate(members, model.output_shape)
        assert not report.has_errors(), report.generate_report()
        _same(sent, members, model.output_shape, model.name)
        _note(members, model.output_shape, self.seen.setdefault(model.name, set()))


def _same(sent: Any, read: Any, shape: Shape, where: str) -> None:
    if shape.type_name == "structure":
        assert set(sent) == set(read), f"{where}: botocore reads {set(read)} from {set(sent)}"
        for name in sent:
            _same(sent[name], read[name], shape.members[name], f"{where}.{name}")
    elif shape.type_name == "list":
        assert len(sent) == len(read), where
        for ours, theirs in zip(sent, read, strict=True):
            _same(ours, theirs, shape.member, where)
    elif shape.type_name == "timestamp":
        assert isinstance(sent, int | float), where
        assert read.timestamp() == sent, where
    else:
        assert sent == read, where
        enum = shape.metadata.get("enum")
        assert not enum or sent in enum, f"{where}: {sent} is none of {enum}"


def _note(value: Any, shape: Shape, seen: set[str], where: str = "") -> None:
    if shape.type_name == "structure":
        for name, inner in value.items():
            seen.add(f"{where}{name}")
            _note(inner, shape.members[name], seen, f"{where}{name}.")
    elif shape.type_name == "list":
        for inner in value:
            _note(inner, shape.member, seen, where)


class Lab:
    """Two requesters and a few workers of one marketplace."""

    def __init__(self, site: Site) -> None:
        self.site, self.watch = site, Watch()
        self.api = self.watch.on(site.requester())

    @cached_property
    def other(self) -> Any:
        """A second requester."""
        return self.site.requester()

    @property
    def worker(self) -> WorkerBrowser:
        return self.site.crowd(2)[0]

    @property
    def colleague(self) -> WorkerBrowser:
        return self.site.crowd(2)[1]

    def hit(self, **changes: Any) -> dict[str, Any]:
        """A new HIT in a group of its own."""
        members = {**HIT, "Question": external(), "Title": unique("Choose a segment"), **changes}
        if "Question" in changes and changes["Question"] is None:
            del members["Question"]
        hit: dict[str, Any] = self.api.create_hit(**members)["HIT"]
        return hit

    def submitted(self, worker: WorkerBrowser | None = None, **changes: Any) -> tuple[dict[str, Any], str]:
        """A HIT with one submitted assignment, and its AssignmentId."""
        hit = self.hit(**changes)
        return hit, (worker or self.worker).do(hit["HITTypeId"])

    def qualification_type(self, **changes: Any) -> str:
        members = {"Name": unique("Group"), "Description": "Members", "QualificationTypeStatus": "Active", **changes}
        return str(self.api.create_qualification_type(**members)["QualificationType"]["QualificationTypeId"])

    def get(self, hit: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get_hit(HITId=hit["HITId"])["HIT"]
        return found

    def status(self, assignment_id: str) -> str:
        return str(self.api.get_assignment(AssignmentId=assignment_id)["Assignment"]["AssignmentStatus"])

    def now(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.site.faults()["now"])


def unique(text: str) -> str:
    return f"{text} {next(_numbers)} {secrets.token_hex(3)}"
