"""The pages of footage: films with their ingest, the door for new ones, and the browser of clips."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from annotation.media import videos
from annotation.media.clip_files import Part, clip_url
from annotation.media.import_list import FILMS
from annotation.media.speech.spoken import other_than_english
from annotation.media.subtitle_sources import SUFFIXES
from annotation.media.uploads import Told, take_named
from annotation.media.videos import VideoRefused
from annotation.models import Clip, Hit, Subtitle, Upload, Video
from annotation.pages.forms import UploadForm


class VideoList(ListView):
    """Every film, how far its ingest is, and what was wrong with it."""

    paginate_by = 50

    def get_template_names(self) -> list[str]:
        partial = bool(getattr(self.request, "htmx", False))
        return ["annotation/video_table.html" if partial else "annotation/video_list.html"]

    def get_queryset(self) -> QuerySet[Video]:
        rows = Video.objects.annotate(clip_count=Count("clips")).order_by("-created_at", "-pk")
        state = self.request.GET.get("state", "")
        return rows.filter(state=state) if state in Video.State.values else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        counts = dict(Video.objects.values_list("state").order_by("state").annotate(Count("id")))
        return super().get_context_data(
            states=[(state, counts.get(state.value, 0)) for state in Video.State],
            form=UploadForm(),
            on_their_way=Upload.objects.filter(owner=self.request.user.pk, offset__lt=F("size")),
            accept=",".join([*sorted(FILMS), *SUFFIXES]),
            **kwargs,
        )


@require_POST
def upload(request: HttpRequest) -> HttpResponseBase:
    """Take films in, each with the subtitles of its name that came along; a script is answered in JSON."""
    form = UploadForm(request.POST)
    files = request.FILES.getlist("files")
    if not form.is_valid() or not files:
        told = [{"name": "", "word": "refused", "reason": form.errors.as_text() or "No file came with it."}]
    else:
        told = _taken(files, form.cleaned_data)
    if request.accepts("application/json") and not request.accepts("text/html"):
        return JsonResponse({"films": told})
    for film in told:
        level = messages.ERROR if film["word"] == "refused" else messages.SUCCESS
        messages.add_message(request, level, f"{film['name']}: {film['word']} {film['reason']}".strip())
    return redirect("videos")


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop an ingest."""
    return _do(request, lambda: videos.cancel(pk, request.user.get_username()), "Cancelled.")


@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Ingest a failed film again."""
    return _do(request, lambda: videos.retry(pk), "It waits for a worker again.")


class ClipFilter(forms.Form):
    """Which clips to show."""

    q = forms.CharField(label="Title, id, or words that are said", required=False)
    subtitles = forms.ChoiceField(
        choices=[("", "with or without"), ("with", "with"), ("without", "without")], required=False
    )
    language = forms.ChoiceField(
        choices=[("", "any"), ("english", "English, or not known"), ("other", "another language")], required=False
    )
    batches = forms.ChoiceField(
        label="Batches", choices=[("", "asked about or not"), ("used", "asked about"), ("unused", "never asked about")],
        required=False,
    )  # fmt: skip
    split = forms.ChoiceField(
        choices=[("", "any"), ("none", "in no release"), ("train", "train"), ("val", "val"), ("test", "test")],
        required=False,
    )


class ClipList(ListView):
    """Clips as pictures, searched and filtered."""

    template_name = "annotation/clip_list.html"
    paginate_by = 48

    def get_queryset(self) -> QuerySet[Clip]:
        self.form = ClipFilter(self.request.GET)
        wanted = self.form.cleaned_data if self.form.is_valid() else {}
        return find_clips(**{name: wanted.get(name, "") for name in self.form.fields})

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(form=self.form, **kwargs)
        context["cards"] = [
            {"clip": clip, "poster": clip_url(clip, Part.POSTER) if clip.poster else ""}
            for clip in context["object_list"]
        ]
        return context


def find_clips(q: str, subtitles: str, language: str, batches: str, split: str) -> QuerySet[Clip]:
    """Clips of ready videos: words searched in title, id and what is said in the clip; empty means any."""
    said = Subtitle.objects.filter(video=OuterRef("video"), end__gt=OuterRef("start"), start__lt=OuterRef("end"))
    # Two questions: for one with “or” the database would read all HITs for each clip.
    asked = Exists(Hit.objects.filter(clip=OuterRef("pk"))) | Exists(Hit.objects.filter(segment__clip=OuterRef("pk")))
    clips = Clip.objects.filter(video__state=Video.State.READY).select_related("video", "video__split")
    if q:
        named = Q(video__title__icontains=q) | Q(video__public_id__icontains=q)
        clips = clips.filter(named | Exists(said.filter(text__icontains=q)))
    if subtitles:
        clips = clips.filter(Exists(said) if subtitles == "with" else ~Exists(said))
    if language:
        clips = clips.filter(other_than_english() if language == "other" else ~other_than_english())
    if batches:
        clips = clips.filter(asked if batches == "used" else ~asked)
    if split:
        clips = clips.filter(video__split=None) if split == "none" else clips.filter(video__split__split=split)
    return clips


def _taken(files: list[UploadedFile], about: dict[str, str]) -> list[Told]:
    with tempfile.TemporaryDirectory() as scratch:
        stored = {PurePath(file.name or "film").name: _stored(file, Path(scratch)) for file in files}
        return take_named(stored, about)


def _stored(file: UploadedFile, folder: Path) -> Path:
    """Where the upload lies: a large one is on the disk already."""
    if isinstance(file, TemporaryUploadedFile):
        return Path(file.temporary_file_path())
    path = folder / PurePath(file.name or "film").name
    path.write_bytes(file.read())
    return path


def _do(request: HttpRequest, act: Callable[[], None], done: str) -> HttpResponse:
    try:
        act()
        messages.success(request, done)
    except VideoRefused as error:
        messages.error(request, f"Not done: {error}.")
    return redirect("videos")
