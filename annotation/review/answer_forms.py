"""Forms: one per task kind (the worker's answer), and the requester's batch."""

from __future__ import annotations

from typing import Any

from django import forms

from annotation.models import Batch, Hit, Query
from annotation.models.crowd import Kind
from annotation.review import text_rules


class TaskForm(forms.Form):
    """An answer to a HIT. `payload()` is what is stored: plain JSON, normalised."""

    def __init__(self, *args: Any, hit: Hit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hit = hit

    def payload(self) -> dict[str, Any]:
        return self.cleaned_data


class SegmentForm(TaskForm):
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
        elif end - start < text_rules.MIN_SEGMENT_S:
            self.add_error("end", f"A segment lasts at least {text_rules.MIN_SEGMENT_S:g} seconds.")
        # Milliseconds: finer than a frame, and the same number on every machine.
        return {**data, "start": round(start, 3), "end": round(min(end, length), 3)}


class QueryForm(TaskForm):
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


class QuestionForm(TaskForm):
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
        seen: dict[str, str] = {}
        for name in self.OPTIONS:
            if name not in data:
                continue
            folded = text_rules.fold(data[name])
            if not folded:
                self.add_error(name, "An answer has at least one letter or digit.")
            elif folded in seen:
                self.add_error(name, f"This repeats “{data[seen[folded]]}”: all four answers differ.")
            else:
                seen[folded] = name
        return data


TASK_FORMS: dict[str, type[TaskForm]] = {
    Kind.SEGMENT: SegmentForm,
    Kind.QUERY: QueryForm,
    Kind.QA: QuestionForm,
}


class BatchForm(forms.ModelForm):
    """A requester's order."""

    class Meta:
        model = Batch
        fields = [
            "name",
            "kind",
            "environment",
            "reward",
            "assignments_per_hit",
            "hidden_share",
            "seed",
            "budget",
        ]
