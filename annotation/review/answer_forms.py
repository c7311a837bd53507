"""A worker's answer, one form per kind of task: what it must be like, how it reads, what speaks against it."""

from __future__ import annotations

import hashlib
from string import ascii_lowercase
from typing import Any

from django import forms

from adversarial.text.normalise import canonical
from annotation.models import Assignment, Hit, Query, Validation
from annotation.models.crowd import Kind
from annotation.review import quality_flags
from annotation.review.flag import Flag
from annotation.review.text import text_rules

Payload = dict[str, Any]
Option = tuple[int, str]  # place (`Answer.position`) and text of an answer
Options = list[Option]

NO_LETTER = "none"
BROKEN = "broken"  # the one field of an answer that says what is wrong with the clip
FAULTS = [(fault, fault) for fault in ("does not play", "picture is damaged", "shows nothing to describe")]


class AnswerForm(forms.Form):
    """An answer to a HIT. `payload()` is what is stored: plain JSON, normalised.

    That a clip is broken is an answer to every kind of task, and then the whole answer: it is paid and makes no item.
    Flags are found and items made later, from the payload that was stored then: rules may have changed since, and an
    answer is held to those it was given under.
    """

    def __init__(self, *args: Any, hit: Hit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hit = hit
        if self.data.get(BROKEN):
            self.fields = {BROKEN: forms.ChoiceField(label="This clip is broken", choices=FAULTS)}

    def payload(self) -> Payload:
        return self.cleaned_data

    @classmethod
    def find_flags(cls, assignment: Assignment, payload: Payload) -> list[Flag]:
        """Sentences for the reviewer about what speaks against a collected answer."""
        if BROKEN in payload:
            return [Flag("broken", f"says that the clip is broken: {payload[BROKEN]}")]
        return cls._flags(assignment, payload) + quality_flags.of_conduct(assignment, cls.written(payload))

    @classmethod
    def written(cls, payload: Payload) -> int:
        """Characters of the answer that a person wrote."""
        return 0

    @classmethod
    def in_words(cls, payload: Payload, hit: Hit) -> list[tuple[str, Any]]:
        """Label and value of each field, in the order of the form (that of stored JSON is another)."""
        if BROKEN in payload:
            return [("This clip is broken", payload[BROKEN])]
        return [(str(field.label), payload[name]) for name, field in cls.base_fields.items() if name in payload]

    @classmethod
    def _flags(cls, assignment: Assignment, payload: Payload) -> list[Flag]:
        raise NotImplementedError


class SegmentForm(AnswerForm):
    """Start and end of a moment, in seconds of the clip."""

    start = forms.FloatField(min_value=0, label="Start (seconds)", widget=forms.NumberInput(attrs={"step": "0.1"}))
    end = forms.FloatField(min_value=0, label="End (seconds)", widget=forms.NumberInput(attrs={"step": "0.1"}))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        start, end, length = data.get("start"), data.get("end"), self.hit.shown_clip.duration
        if start is None or end is None:
            return data
        if end > length + 0.05:
            self.add_error("end", f"The clip ends at {length:.1f} s.")
        elif round(end - start, 3) < text_rules.MIN_SEGMENT_S:
            self.add_error("end", f"A segment lasts at least {text_rules.MIN_SEGMENT_S:g} seconds.")
        # Milliseconds: finer than a frame, and the same number on every machine.
        return {**data, "start": round(start, 3), "end": round(min(end, length), 3)}

    @classmethod
    def _flags(cls, assignment: Assignment, payload: Payload) -> list[Flag]:
        return quality_flags.of_segment(assignment, payload["start"], payload["end"])


class QueryForm(AnswerForm):
    """A sentence that describes the segment, and what one needs to find it."""

    query = forms.CharField(
        label="Describe this moment",
        help_text=f"One sentence of {text_rules.QUERY_WORDS[0]} to {text_rules.QUERY_WORDS[1]} words.",
        max_length=text_rules.MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    based_on = forms.ChoiceField(
        label="What does one need to find it?", choices=Query.Type.choices, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, hit: Hit, **kwargs: Any) -> None:
        super().__init__(*args, hit=hit, **kwargs)
        if hit.narration_hidden:
            self.initial = {"based_on": Query.Type.VIDEO, **self.initial}

    def clean_query(self) -> str:
        text = text_rules.normalise(self.cleaned_data["query"])
        count, (low, high) = len(text_rules.words(text)), text_rules.QUERY_WORDS
        if not low <= count <= high:
            raise forms.ValidationError(f"Please write {low} to {high} words; these are {count}.")
        return text

    def clean_based_on(self) -> str:
        value = str(self.cleaned_data["based_on"])
        if self.hit.narration_hidden and value != Query.Type.VIDEO:
            raise forms.ValidationError("The words of this clip were not shown: choose the picture.")
        return value

    @classmethod
    def written(cls, payload: Payload) -> int:
        return len(payload["query"])

    @classmethod
    def _flags(cls, assignment: Assignment, payload: Payload) -> list[Flag]:
        return quality_flags.of_text(assignment, payload)


class CombinedForm(QueryForm, SegmentForm):
    """A moment and the sentence that describes it, from one worker (paper, figure 2)."""

    @classmethod
    def _flags(cls, assignment: Assignment, payload: Payload) -> list[Flag]:
        return SegmentForm._flags(assignment, payload) + QueryForm._flags(assignment, payload)


class QuestionForm(AnswerForm):
    """A question about the segment with one right and three wrong answers."""

    question = forms.CharField(label="Question", max_length=text_rules.MAX_TEXT, help_text="Ends with a question mark.")
    correct = forms.CharField(label="Right answer", max_length=text_rules.MAX_TEXT)
    wrong_1 = forms.CharField(label="Wrong answer 1", max_length=text_rules.MAX_TEXT)
    wrong_2 = forms.CharField(label="Wrong answer 2", max_length=text_rules.MAX_TEXT)
    wrong_3 = forms.CharField(label="Wrong answer 3", max_length=text_rules.MAX_TEXT)

    OPTIONS = ("correct", "wrong_1", "wrong_2", "wrong_3")

    def clean(self) -> dict[str, Any]:
        data = {name: text_rules.normalise(value) for name, value in (super().clean() or {}).items()}
        if "question" in data and not data["question"].endswith("?"):
            self.add_error("question", "A question ends with a question mark.")
        elif "question" in data and not text_rules.words(data["question"]):
            self.add_error("question", "A question has at least one letter or digit.")
        seen: dict[str, str] = {}
        for name in self.OPTIONS:
            if name not in data:
                continue
            folded = canonical(data[name])
            if not text_rules.words(folded):
                self.add_error(name, "An answer has at least one letter or digit.")
            elif folded in seen:
                self.add_error(name, f"This repeats “{data[seen[folded]]}”: all four answers differ.")
            else:
                seen[folded] = name
        return data

    @classmethod
    def written(cls, payload: Payload) -> int:
        return len(payload["question"]) + sum(len(payload[name]) for name in cls.OPTIONS)

    @classmethod
    def _flags(cls, assignment: Assignment, payload: Payload) -> list[Flag]:
        return quality_flags.of_text(assignment, payload)


class ValidationForm(AnswerForm):
    """The answer that somebody who had not written the question takes to be right, having watched.

    Answers go by letters, in the order in which the HIT shows them: their places would tell which one is right.
    """

    choice = forms.ChoiceField(label="The right answer", widget=forms.RadioSelect)
    also = forms.ChoiceField(label="Is another one right, too?", required=False)

    def __init__(self, *args: Any, hit: Hit, **kwargs: Any) -> None:
        super().__init__(*args, hit=hit, **kwargs)
        if hit.question is not None and "choice" in self.fields:
            shown = [(letter, text) for letter, (_, text) in _lettered(hit, options_of(hit)).items()]
            self._offer("choice", [*shown, (NO_LETTER, "It cannot be told from this clip")])
            self._offer("also", [(NO_LETTER, "no"), *shown])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_also(self) -> str:
        return self.cleaned_data["also"] or NO_LETTER

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        also = data.get("also", NO_LETTER)
        if also != NO_LETTER and data.get("choice", NO_LETTER) in {NO_LETTER, also}:
            self.add_error("also", "Another one than the right answer, or none.")
        return data

    @classmethod
    def in_words(cls, payload: Payload, hit: Hit) -> list[tuple[str, Any]]:
        if BROKEN in payload:
            return super().in_words(payload, hit)
        said = chosen(payload, hit, options_of(hit))
        return [(str(cls.base_fields[name].label), text or "none") for name, (_, text) in said.items()]

    @classmethod
    def _flags(cls, assignment: Assignment, payload: Payload) -> list[Flag]:
        return []


def options_of(hit: Hit) -> Options:
    """The answers to the HIT's question, as they are now."""
    assert hit.question is not None
    return [(one.position, one.text) for one in hit.question.answers.all()]


def chosen(payload: Payload, hit: Hit, options: Options) -> dict[str, Option]:
    """Field -> place and text of what was chosen in it; `Validation.NONE` and no text where none of the answers was."""
    lettered = _lettered(hit, options)
    texts = dict(lettered.values())
    places = {name: _place(payload[name], lettered) for name in ValidationForm.base_fields if name in payload}
    return {name: (place, texts.get(place, "")) for name, place in places.items()}


def _place(choice: str | int, lettered: dict[str, Option]) -> int:
    """Answers of before there were letters are places."""
    if isinstance(choice, int):
        return choice
    return Validation.NONE if choice == NO_LETTER else lettered[choice][0]


def _lettered(hit: Hit, options: Options) -> dict[str, Option]:
    """Letter -> each of the answers and the doubted one, in an order that does not tell which is right.

    By the HIT's seed, since whoever has its address knows its number; those of before there were seeds keep theirs.
    """
    doubted = [(Validation.DOUBTED, hit.doubt.text)] if hit.doubt else []
    rows = [row for row in options if not hit.doubt or row[1] != hit.doubt.text] + doubted
    seed = hit.pk if hit.order_seed is None else hit.order_seed
    shown = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}|{row[0]}".encode()).digest())
    return dict(zip(ascii_lowercase, shown, strict=False))


ANSWER_FORMS: dict[str, type[AnswerForm]] = {
    Kind.SEGMENT: SegmentForm,
    Kind.QUERY: QueryForm,
    Kind.COMBINED: CombinedForm,
    Kind.QA: QuestionForm,
    Kind.VALIDATE: ValidationForm,
}
