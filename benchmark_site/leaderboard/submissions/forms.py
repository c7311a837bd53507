"""What a person or a program says about a submission."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from benchmark_site.leaderboard.models import Submission, Team
from benchmark_site.leaderboard.text import one_script

CARD = ["parameters", "training_data", "external_data", "hardware", "run_time_s"]


class SubmissionForm(forms.ModelForm):
    """The words beside the file; the same form checks the page's posts and the API's."""

    paper_url = forms.URLField(required=False, assume_scheme="https", label="Paper", help_text="its address, if any")
    code_url = forms.URLField(required=False, assume_scheme="https", label="Code", help_text="its address, if any")

    kind = forms.ChoiceField(
        choices=Submission.Kind, required=False, initial=Submission.Kind.PREDICTIONS, label="The file holds",
        help_text="a model: a zip, see below",
    )  # fmt: skip
    run_time_s = forms.FloatField(required=False, min_value=0, label="Run time", help_text="seconds, the whole split")

    class Meta:
        model = Submission
        fields = ["kind", "method", "description", "paper_url", "code_url", *CARD, "public", "dry_run"]
        labels = {
            "public": "Show it on the board to everybody", "external_data": "Trained on more than this release",
            "run_time_s": "Run time", "training_data": "Trained on",
        }  # fmt: skip
        help_texts = {
            "method": "the name on the board, at most 80 characters",
            "description": "what it is, in a few sentences",
            "external_data": "",
            "public": "can be changed later",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 3}), "dry_run": forms.HiddenInput}

    def clean_kind(self) -> str:
        """Predictions, where nothing is said."""
        return self.cleaned_data["kind"] or Submission.Kind.PREDICTIONS

    def clean_method(self) -> str:
        """The name on the board, where a letter of another script would make a second one that looks the same."""
        method: str = self.cleaned_data["method"]
        one_script(method)
        return method


class UploadForm(SubmissionForm):
    """The page's form: the same words, a team, a file."""

    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None)
    file = forms.FileField(allow_empty_file=False, label="File")

    field_order = ["team", "file", "kind", "method", "description", "paper_url", "code_url", *CARD, "public"]

    def __init__(self, *args: Any, teams: QuerySet[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["team"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = teams


class CardForm(SubmissionForm):
    """What may be said anew after a submission was sent: the file never changes, the words beside it do."""

    kind = None  # type: ignore[assignment]  # Django's way to leave a field of the base out

    class Meta(SubmissionForm.Meta):
        fields = ["method", "description", "paper_url", "code_url", *CARD]
