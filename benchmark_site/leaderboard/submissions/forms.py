"""What a person or a program says about a submission."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from benchmark_site.leaderboard.models import Submission, Team


class SubmissionForm(forms.ModelForm):
    """The words beside the file; the same form checks the page's posts and the API's."""

    paper_url = forms.URLField(required=False, assume_scheme="https", label="Paper", help_text="its address, if any")
    code_url = forms.URLField(required=False, assume_scheme="https", label="Code", help_text="its address, if any")

    class Meta:
        model = Submission
        fields = ["method", "description", "paper_url", "code_url", "public", "dry_run"]
        labels = {"public": "Show it on the board to everybody"}
        help_texts = {
            "method": "the name on the board, at most 80 characters",
            "description": "what it is, what it was trained on",
            "public": "can be changed later",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 3}), "dry_run": forms.HiddenInput}


class UploadForm(SubmissionForm):
    """The page's form: the same words, a team, a file."""

    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None)
    file = forms.FileField(allow_empty_file=False, label="File of predictions")

    field_order = ["team", "file", "method", "description", "paper_url", "code_url", "public"]

    def __init__(self, *args: Any, teams: QuerySet[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["team"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = teams
