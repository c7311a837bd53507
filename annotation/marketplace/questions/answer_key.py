"""AnswerKey documents: the score of a qualification test."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from xml.etree.ElementTree import Element

from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.questions import xml


@dataclass(frozen=True)
class KeyedQuestion:
    identifier: str
    options: list[tuple[frozenset[str], int]]  # exactly these selections -> this score
    default: int


@dataclass(frozen=True)
class AnswerKey:
    questions: list[KeyedQuestion]
    mapping: Element | None

    def value(self, answers: dict[str, list[str]]) -> int:
        """The qualification value of these answers: summed scores through the document's mapping."""
        total = sum(_score(question, answers.get(question.identifier, [])) for question in self.questions)
        return _mapped(total, self.mapping)


def parse(text: str) -> AnswerKey:
    """Raises XMLParseError, InvalidQuestion."""
    root = xml.parse(text, "AnswerKey")
    if xml.local_name(root) != "AnswerKey":
        raise refused("InvalidQuestion", "AnswerKey must be an AnswerKey document")
    questions = [_question(node) for node in xml.children(root, "Question")]
    mapping = xml.child(root, "QualificationValueMapping")
    key = AnswerKey(questions, mapping[0] if mapping is not None and len(mapping) else None)
    key.value({})  # a mapping that cannot be evaluated is refused now, not when a worker submits
    return key


def _question(node: Element) -> KeyedQuestion:
    identifier = xml.child_text(node, "QuestionIdentifier")
    if not identifier:
        raise refused("InvalidQuestion", "A Question of the AnswerKey has no QuestionIdentifier")
    options = [
        (
            frozenset((selection.text or "").strip() for selection in xml.children(option, "SelectionIdentifier")),
            _integer(option, "AnswerScore"),
        )
        for option in xml.children(node, "AnswerOption")
    ]
    default = _integer(node, "DefaultScore") if xml.child(node, "DefaultScore") is not None else 0
    return KeyedQuestion(identifier, options, default)


def _score(question: KeyedQuestion, chosen: list[str]) -> int:
    selected = frozenset(value.strip() for value in chosen)
    return next((score for selections, score in question.options if selections == selected), question.default)


def _mapped(total: int, mapping: Element | None) -> int:
    if mapping is None:
        return total
    kind = mapping.tag.rpartition("}")[2]
    if kind == "PercentageMapping":
        most = _decimal(mapping, "MaximumSummedScore")
        if most <= 0:
            raise refused("InvalidQuestion", "MaximumSummedScore must be positive")
        return int((100 * total / most).quantize(Decimal(1), ROUND_HALF_UP))
    if kind == "ScaleMapping":
        return int((total * _decimal(mapping, "SummedScoreMultiplier")).quantize(Decimal(1), ROUND_HALF_UP))
    if kind == "RangeMapping":
        for band in xml.children(mapping, "SummedScoreRange"):
            if _integer(band, "InclusiveLowerBound") <= total <= _integer(band, "InclusiveUpperBound"):
                return _integer(band, "QualificationValue")
        return _integer(mapping, "OutOfRangeQualificationValue")
    raise refused("InvalidQuestion", f"QualificationValueMapping {kind} is not known")


def _integer(node: Element, name: str) -> int:
    value = _decimal(node, name)
    if value != value.to_integral_value() or abs(value) > 2**31 - 1:
        raise refused("InvalidQuestion", f"{name} must be a whole number")
    return int(value)


def _decimal(node: Element, name: str) -> Decimal:
    text = xml.child_text(node, name)
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) > Decimal(10) ** 9:
        raise refused("InvalidQuestion", f"{name} must be a number")
    return value
