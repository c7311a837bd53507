"""Workers' answers as QuestionFormAnswers documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element

from lxml import etree

from annotation.marketplace.questions import xml
from annotation.marketplace.questions.form import Field, QuestionForm

# Parts of the protocol, not answers.
RESERVED = {"assignmentId", "hitId", "turkSubmitTo", "workerId"}

_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def answers_document(fields: Iterable[tuple[str, str]]) -> str:
    """One Answer with FreeText for each field, characters that XML cannot carry left out."""
    root = etree.Element(f"{{{xml.ANSWERS_NS}}}QuestionFormAnswers", nsmap={None: xml.ANSWERS_NS})
    for name, value in fields:
        answer = etree.SubElement(root, f"{{{xml.ANSWERS_NS}}}Answer")
        etree.SubElement(answer, f"{{{xml.ANSWERS_NS}}}QuestionIdentifier").text = _ILLEGAL.sub("", name)
        etree.SubElement(answer, f"{{{xml.ANSWERS_NS}}}FreeText").text = _ILLEGAL.sub("", value)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True).decode()


def read_answers(document: str) -> dict[str, list[str]]:
    """Question identifier -> its values: free text, or each selected identifier (and other text)."""
    found: dict[str, list[str]] = {}
    if document:
        for answer in xml.children(xml.parse(document, "the answers"), "Answer"):
            found[xml.child_text(answer, "QuestionIdentifier") or ""] = _values(answer)
    return found


def _values(answer: Element) -> list[str]:
    names = ("FreeText", "SelectionIdentifier", "OtherSelectionText", "UploadedFileKey")
    return [(node.text or "") for node in answer if node.tag.rpartition("}")[2] in names]


def form_answers_document(form: QuestionForm, values: Mapping[str, list[str]]) -> str:
    """Answers to a QuestionForm: text as FreeText, choices as SelectionIdentifier, files as UploadedFileKey."""
    root = etree.Element(f"{{{xml.ANSWERS_NS}}}QuestionFormAnswers", nsmap={None: xml.ANSWERS_NS})
    for question in form.fields:
        given = values.get(question.identifier, [])
        answer = etree.SubElement(root, f"{{{xml.ANSWERS_NS}}}Answer")
        etree.SubElement(answer, f"{{{xml.ANSWERS_NS}}}QuestionIdentifier").text = question.identifier
        if question.kind == "text":
            etree.SubElement(answer, f"{{{xml.ANSWERS_NS}}}FreeText").text = _ILLEGAL.sub(
                "", given[-1] if given else ""
            )
        for value in given if question.kind != "text" else []:
            _add_chosen(answer, question, _ILLEGAL.sub("", value))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True).decode()


def _add_chosen(answer: etree._Element, question: Field, value: str) -> None:
    if question.kind == "file":
        name = "UploadedFileKey"
    elif value in {choice.identifier for choice in question.choices}:
        name = "SelectionIdentifier"
    else:
        name = "OtherSelectionText"
    etree.SubElement(answer, f"{{{xml.ANSWERS_NS}}}{name}").text = value
