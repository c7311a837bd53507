"""QuestionForm: questions that the marketplace itself draws (qualification tests, and HITs that use it)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal
from xml.etree.ElementTree import Element

from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.questions import xml

MAX_FILE_BYTES = 5_000_000
_HIDDEN_TAGS = {"script", "style", "iframe", "object", "embed"}


@dataclass(frozen=True)
class Choice:
    identifier: str
    text: str


@dataclass(frozen=True)
class Field:
    """One question. `kind` says how it is answered; limits that were not given are None."""

    identifier: str
    kind: Literal["text", "choice", "file"]
    title: str = ""
    content: list[str] = field(default_factory=list)
    required: bool = False
    choices: list[Choice] = field(default_factory=list)
    least: int | None = None  # characters, selections, bytes or value
    most: int | None = None
    numeric: bool = False
    lines: int = 1
    default: str = ""
    other: bool = False

    @property
    def several(self) -> bool:
        return self.kind == "choice" and (self.most or 1) > 1


@dataclass(frozen=True)
class QuestionForm:
    overview: list[str]
    fields: list[Field]


def parse_form(root: Element) -> QuestionForm:
    """Raises InvalidQuestion for a form without questions or with a part that cannot be drawn."""
    overview = [text for node in xml.children(root, "Overview") for text in _content(node)]
    fields = [_field(node) for node in xml.children(root, "Question")]
    if not fields:
        raise refused("InvalidQuestion", "QuestionForm needs at least one Question")
    names = [question.identifier for question in fields]
    if len(set(names)) != len(names):
        raise refused("InvalidQuestion", "QuestionIdentifiers of a QuestionForm must differ")
    return QuestionForm(overview, fields)


def parse_form_text(text: str, what: str) -> QuestionForm:
    root = xml.parse(text, what)
    if xml.local_name(root) != "QuestionForm":
        raise refused("InvalidQuestion", f"{what} must be a QuestionForm")
    return parse_form(root)


def errors_in(form: QuestionForm, values: Mapping[str, list[str]]) -> dict[str, str]:
    """Question identifier -> what is wrong with its values; empty when the form may be submitted."""
    found = {}
    for question in form.fields:
        problem = _problem(question, [value for value in values.get(question.identifier, []) if value.strip()])
        if problem:
            found[question.identifier] = problem
    return found


def _problem(question: Field, values: list[str]) -> str | None:
    if not values:
        must = question.required or (question.kind == "choice" and (question.least or 0) > 0)
        return "Please answer this question." if must else None
    if question.kind == "choice":
        known = {choice.identifier for choice in question.choices}
        if not question.other and not set(values) <= known:
            return "Please choose one of the options."
        if len(values) > (question.most or 1) or len(values) < (question.least or 0):
            return f"Please choose from {question.least or 0} to {question.most or 1} options."
        return None
    if question.kind == "file":
        return None
    return _text_problem(question, values[-1].strip())


def _text_problem(question: Field, value: str) -> str | None:
    least, most = question.least, question.most
    if question.numeric:
        if not re.fullmatch(r"[+-]?\d{1,15}", value, re.ASCII):
            return "Please enter a whole number."
        if (least is not None and int(value) < least) or (most is not None and int(value) > most):
            return f"Please enter a number{_between(least, most)}."
        return None
    if (least is not None and len(value) < least) or (most is not None and len(value) > most):
        return f"Please write{_between(least, most)} characters."
    return None


def _between(least: int | None, most: int | None) -> str:
    return (f" at least {least}" if least is not None else "") + (f" at most {most}" if most is not None else "")


def _field(node: Element) -> Field:
    identifier = xml.child_text(node, "QuestionIdentifier")
    specification = xml.child(node, "AnswerSpecification")
    if not identifier or specification is None or len(specification) == 0:
        raise refused("InvalidQuestion", "Each Question needs a QuestionIdentifier and an AnswerSpecification")
    title = xml.child_text(node, "DisplayName") or ""
    content = [text for part in xml.children(node, "QuestionContent") for text in _content(part)]
    required = (xml.child_text(node, "IsRequired") or "").lower() == "true"
    answer = specification[0]
    kind = answer.tag.rpartition("}")[2]
    if kind == "FreeTextAnswer":
        return _text_field(identifier, title, content, required, answer)
    if kind == "SelectionAnswer":
        return _choice_field(identifier, title, content, required, answer)
    if kind == "FileUploadAnswer":
        most = _number(answer, "MaxFileSizeInBytes") or MAX_FILE_BYTES
        return Field(
            identifier, "file", title, content, required,
            least=_number(answer, "MinFileSizeInBytes"), most=min(most, MAX_FILE_BYTES),
        )  # fmt: skip
    raise refused("InvalidQuestion", f"AnswerSpecification {kind} is not known")


def _text_field(identifier: str, title: str, content: list[str], required: bool, answer: Element) -> Field:
    constraints = xml.child(answer, "Constraints")
    numeric = xml.child(constraints, "IsNumeric") if constraints is not None else None
    length = xml.child(constraints, "Length") if constraints is not None else None
    if numeric is not None:
        least, most = _attribute(numeric, "minValue"), _attribute(numeric, "maxValue")
    else:
        least = _attribute(length, "minLength") if length is not None else None
        most = _attribute(length, "maxLength") if length is not None else None
    return Field(
        identifier, "text", title, content, required, least=least, most=most, numeric=numeric is not None,
        lines=_number(answer, "NumberOfLinesSuggestion") or 1, default=xml.child_text(answer, "DefaultText") or "",
    )  # fmt: skip


def _choice_field(identifier: str, title: str, content: list[str], required: bool, answer: Element) -> Field:
    selections = xml.child(answer, "Selections")
    choices = []
    for node in xml.children(selections, "Selection") if selections is not None else []:
        name = xml.child_text(node, "SelectionIdentifier")
        label = xml.child_text(node, "Text") or _plain(xml.child_text(node, "FormattedContent") or "")
        if not name:
            raise refused("InvalidQuestion", f"A Selection of {identifier} has no SelectionIdentifier")
        choices.append(Choice(name, label or name))
    if not choices:
        raise refused("InvalidQuestion", f"SelectionAnswer of {identifier} has no Selections")
    other = selections is not None and xml.child(selections, "OtherSelection") is not None
    return Field(
        identifier, "choice", title, content, required, choices,
        least=_number(answer, "MinSelectionCount"), most=_number(answer, "MaxSelectionCount"), other=other,
    )  # fmt: skip


def _content(node: Element) -> list[str]:
    """Paragraphs of plain text. Pictures, applets and markup are not drawn: requesters' HTML has no place on this
    origin."""
    paragraphs: list[str] = []
    for part in node:
        name = part.tag.rpartition("}")[2]
        if name == "List":
            paragraphs += [f"• {(item.text or '').strip()}" for item in xml.children(part, "ListItem")]
        elif name == "FormattedContent":
            paragraphs += [_plain(part.text or "")]
        elif name in ("Title", "Text"):
            paragraphs += [(part.text or "").strip()]
    return [text for text in paragraphs if text]


class _PlainText(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in _HIDDEN_TAGS

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in _HIDDEN_TAGS

    def handle_data(self, data: str) -> None:
        if self.hidden <= 0:
            self.parts.append(data)


def _plain(html: str) -> str:
    parser = _PlainText()
    parser.feed(html)
    parser.close()
    return " ".join("".join(parser.parts).split())


def _number(node: Element, name: str) -> int | None:
    text = xml.child_text(node, name)
    if text is None:
        return None
    return _integer(text, name)


def _attribute(node: Element, name: str) -> int | None:
    text = node.get(name)
    return None if text is None else _integer(text, name)


def _integer(text: str, name: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,12}", text, re.ASCII):
        raise refused("InvalidQuestion", f"{name} must be a whole number")
    return int(text)
