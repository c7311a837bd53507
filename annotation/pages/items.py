"""The page of an accepted item: what it is, what was changed of it; corrected and withdrawn here, with a reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from annotation.media.clip_files import clip_url
from annotation.models import Query, Question
from annotation.review import corrections


class ItemForm(forms.Form):
    """What may be corrected; the right answer stands first."""

    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))
    start = forms.FloatField(label="Starts (s of the clip)", min_value=0)
    end = forms.FloatField(label="Ends (s of the clip)", min_value=0)

    def __init__(self, data: Any, state: dict[str, Any]) -> None:
        options = state.get("options", [])
        named = {f"option_{place}": option for place, option in enumerate(options)}
        super().__init__(data, initial={**state, **named})
        for place, name in enumerate(named):
            label = f"Wrong answer {place}" if place else "Right answer"
            self.fields[name] = forms.CharField(label=label)
        self.fields["reason"] = forms.CharField(help_text="Printed in the list of changes of the next release.")

    def options(self) -> list[str]:
        return [value for name, value in self.cleaned_data.items() if name.startswith("option_")]


@require_http_methods(["GET", "HEAD", "POST"])
def item(request: HttpRequest, kind: str, public_id: int) -> HttpResponse:
    """An item with its form; a POST corrects it, or withdraws it where that button was pressed."""
    try:
        found = corrections.find_item(kind, public_id)
    except (KeyError, Query.DoesNotExist, Question.DoesNotExist) as error:
        raise Http404("no such item") from error
    form = ItemForm(request.POST or None, corrections.state_of(found))
    if request.method == "POST" and "withdraw" in request.POST:
        for name in set(form.fields) - {"reason"}:
            form.fields[name].required = False
    if request.method == "POST" and form.is_valid():
        try:
            return _act(request, found, form)
        except ValidationError as error:
            form.add_error(None, error)
    clip = found.segment.clip
    context = {
        "item": found,
        "kind": kind,
        "form": form,
        "clip": clip,
        "clip_url": clip_url(clip) if clip.file else "",
        "history": corrections.history(found),
    }
    return render(request, "annotation/item.html", context, status=422 if form.errors else 200)


def _act(request: HttpRequest, found: Query | Question, form: ItemForm) -> HttpResponse:
    """Raises ValidationError."""
    assert request.user.is_authenticated  # by the table of access
    data = form.cleaned_data
    if "withdraw" in request.POST:
        corrections.withdraw(found, data["reason"], request.user)
        messages.success(request, "Withdrawn: no release to come holds it.")
    else:
        found = corrections.correct(
            found,
            text=data["text"],
            start=data["start"],
            end=data["end"],
            options=form.options(),
            reason=data["reason"],
            user=request.user,
        )
        messages.success(request, "Corrected: the next release holds it so.")
    return redirect("item", corrections.kind_of(found), found.public_id)
