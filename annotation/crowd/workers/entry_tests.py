"""Entry tests: written as plain text, given by the marketplace as a qualification test that it marks by itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from annotation.crowd.client import Crowd
from annotation.models import EntryTest

SCHEMAS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas"
LONGEST = 60_000  # bytes of the protocol's XML: 65,535 is its limit


class EntryTestError(ValueError):
    """Text that is no test; the message names the question and what is expected."""


@dataclass(frozen=True)
class Question:
    """One question; the first of `choices` is the right one."""

    text: str
    choices: list[str]


def parse(text: str) -> list[Question]:
    """Paragraphs of a question and its choices. Raises EntryTestError."""
    found = []
    for number, paragraph in enumerate(text.replace("\r\n", "\n").strip().split("\n\n"), 1):
        lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
        asked = " ".join(line for line in lines if line[0] not in "+-")
        right = [line[1:].strip() for line in lines if line[0] == "+"]
        wrong = [line[1:].strip() for line in lines if line[0] == "-"]
        if not asked or len(right) != 1 or not wrong or not all([*right, *wrong]):
            raise EntryTestError(
                f"question {number}: expected are its text, one line that begins with + and at least one with -"
            )
        if len({choice.casefold() for choice in right + wrong}) < len(right + wrong):
            raise EntryTestError(f"question {number}: two of its choices are the same")
        found.append(Question(asked, right + wrong))
    if len(form_xml(found).encode()) > LONGEST:
        raise EntryTestError(f"the test is too long: its XML may have {LONGEST:,} bytes")
    return found


def qualification(crowd: Crowd, test: EntryTest, environment: str) -> str:
    """Id of the test's qualification type, made there on first use. Its value is the percentage that was right."""
    if environment not in test.type_ids:
        questions = parse(test.questions)
        test.type_ids[environment] = crowd.test_qualification(
            name=f"Entry test: {test.name}",
            description=f"{len(questions)} questions; {test.pass_mark} % right are needed.",
            form=form_xml(questions),
            key=key_xml(questions),
            seconds=60 * test.minutes,
        )
        test.save(update_fields=["type_ids"])
    return str(test.type_ids[environment])


def form_xml(questions: list[Question]) -> str:
    """QuestionForm, choices in an order that the question's text draws."""
    root = Element("QuestionForm", xmlns=f"{SCHEMAS}/2017-11-06/QuestionForm.xsd")
    for number, question in enumerate(questions, 1):
        node = SubElement(root, "Question")
        SubElement(node, "QuestionIdentifier").text = f"q{number}"
        SubElement(node, "IsRequired").text = "true"
        SubElement(SubElement(node, "QuestionContent"), "Text").text = question.text
        selection = SubElement(SubElement(node, "AnswerSpecification"), "SelectionAnswer")
        SubElement(selection, "StyleSuggestion").text = "radiobutton"
        shown = SubElement(selection, "Selections")
        for choice in sorted(enumerate(question.choices), key=lambda choice: _place(question, choice[1])):
            one = SubElement(shown, "Selection")
            SubElement(one, "SelectionIdentifier").text = _name(question, choice[0])
            SubElement(one, "Text").text = choice[1]
    return tostring(root, encoding="unicode")


def key_xml(questions: list[Question]) -> str:
    """AnswerKey: one point a question, as a percentage."""
    root = Element("AnswerKey", xmlns=f"{SCHEMAS}/2005-10-01/AnswerKey.xsd")
    for number, question in enumerate(questions, 1):
        node = SubElement(root, "Question")
        SubElement(node, "QuestionIdentifier").text = f"q{number}"
        option = SubElement(node, "AnswerOption")
        SubElement(option, "SelectionIdentifier").text = _name(question, 0)
        SubElement(option, "AnswerScore").text = "1"
    mapping = SubElement(SubElement(root, "QualificationValueMapping"), "PercentageMapping")
    SubElement(mapping, "MaximumSummedScore").text = str(len(questions))
    return tostring(root, encoding="unicode")


def _name(question: Question, index: int) -> str:
    """An id of the choice that does not tell whether it is the right one."""
    return _place(question, question.choices[index])[:8]


def _place(question: Question, choice: str) -> str:
    return hashlib.sha256(f"{question.text}|{choice}".encode()).hexdigest()
