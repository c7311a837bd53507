"""Pages of the releases: list, detail, the form that starts one, downloads of public files."""

from __future__ import annotations

import mimetypes
from collections import Counter
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, Sum
from django.forms import (
    CheckboxSelectMultiple,
    IntegerField,
    ModelForm,
    ModelMultipleChoiceField,
    MultipleChoiceField,
    RadioSelect,
    Textarea,
)
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import CreateView, DetailView, ListView

from annotation.media.ranges import ranged
from annotation.models import Batch, Video
from annotation.roles import COLLECT
from benchmark_site.releases import services
from benchmark_site.releases.browse import shown
from benchmark_site.releases.files.card import about_release, loading
from benchmark_site.releases.files.changes import frozen_changes
from benchmark_site.releases.files.export import zip_of
from benchmark_site.releases.models import MOST_SET_ASIDE, USUAL_SET_ASIDE, Item, Release, ReleaseFile, Split
from benchmark_site.releases.plots import figures
from benchmark_site.releases.quality.leak_table import leak_rows, proofs, public_rows, waived
from evaluation.exchange.about import bibtex
from evaluation.release import HELD_OUT_MANIFEST, MANIFEST
from evaluation.release.manifest import UNLISTED

EXAMPLES = 3  # of each kind, on the page of a release


class ReleaseList(ListView):
    """Frozen releases, newest first, with how much they publish; those who collect see the others as well."""

    paginate_by = 50

    def get_queryset(self) -> Any:
        found = Release.objects.annotate(n_items=Count("items", filter=Q(items__published=True)))
        if not self.request.user.has_perm(COLLECT):
            found = found.filter(state=Release.State.FROZEN)
        return found.order_by("-created_at", "-id")


class ReleaseDetail(DetailView):
    """What a release holds, how hard it is to guess, and its files; while it is built, htmx asks for the steps."""

    def get_template_names(self) -> list[str]:
        partial = bool(getattr(self.request, "htmx", False))
        return ["releases/release_progress.html" if partial else "releases/release_detail.html"]

    def get_object(self, queryset: Any = None) -> Release:
        return get_object_or_404(Release, slug=self.kwargs["slug"], version=self.kwargs["version"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        release = self.object
        files = release.files.all()
        leaks = leak_rows(release.leaks) if self.request.user.has_perm(COLLECT) else public_rows(release)
        frozen = release.state == Release.State.FROZEN
        return super().get_context_data(
            **kwargs,
            **(_about(release) if frozen else {}),
            steps=_steps(release),
            has_items=release.items.exists(),
            splits=split_table(release),
            reserve=release.items.filter(published=False).exists(),
            blind=blind_table(release.blind),
            leaks=leaks,
            leak_figures=any(row.value is not None for row in leaks),
            proofs=proofs(release.leaks),
            waived=waived(release),
            stopped_by=release.stopped_by() if release.state == Release.State.FAILED else [],
            n_exclusions=release.exclusions.count(),
            has_questions=release.items.filter(kind=Item.Kind.QA).exists(),
            public_files=[file for file in files if file.access == ReleaseFile.Access.PUBLIC],
            held_out=files.filter(path=HELD_OUT_MANIFEST).first(),
            manifest=MANIFEST,
        )


def _about(release: Release) -> dict[str, Any]:
    """What a frozen release says of itself: words, licence, citation, how to load it, figures, examples, changes."""
    about = about_release(release)
    changes = frozen_changes(release.pk)
    examples = [found for kind in Item.Kind.values for found in shown(release).filter(kind=kind)[:EXAMPLES]]
    counts = release.items.filter(published=True).aggregate(
        clips=Count("vid_name", distinct=True),
        queries=Count("id", filter=Q(kind=Item.Kind.MOMENT)),
        questions=Count("id", filter=Q(kind=Item.Kind.QA)),
        videos=Count("video", distinct=True),
    )
    return {
        "about": about,
        "bibtex": bibtex(about),
        "loading": loading(release),
        "figures": figures(release),
        "examples": examples,
        "counts": counts,
        "changes": changes,
        "changed": sorted(changes.counts.items()) if changes else [],
        "zip_url": release_url(release, "release-download"),
        "total_bytes": release.files.filter(access=ReleaseFile.Access.PUBLIC).aggregate(n=Sum("bytes"))["n"],
    }


def release_url(release: Release, name: str) -> str:
    """The whole address of one of a release's pages."""
    return f"{settings.SITE_URL.rstrip('/')}{reverse(name, args=[release.slug, release.version])}"


class ReleaseExclusions(ListView):
    """What a release leaves out, by check, with a link to where each item is corrected or withdrawn."""

    template_name = "releases/release_exclusions.html"
    paginate_by = 100

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.release = get_object_or_404(Release, slug=self.kwargs["slug"], version=self.kwargs["version"])
        self.chosen = request.GET.get("check", "").replace("\0", "")

    def get_queryset(self) -> Any:
        found = self.release.exclusions.all()
        return found.filter(check_id=self.chosen) if self.chosen else found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        checks = self.release.exclusions.order_by("check_id").values("check_id").annotate(n=Count("id"))
        return super().get_context_data(release=self.release, checks=checks, chosen=self.chosen, **kwargs)


def _steps(release: Release) -> list[dict[str, Any]]:
    steps = list(Release.Step)
    at = steps.index(Release.Step(release.step))
    return [
        {"label": step.label, "now": place == at, "done": place < at}
        for place, step in enumerate(steps)
        if step != Release.Step.DONE
    ]


def blind_table(blind: dict[str, Any]) -> list[dict[str, Any]]:
    """One row an adversary, the strongest first: accuracy and interval in per cent, before and after the matching."""
    panels = [blind.get(when, {}).get("panel", {}) for when in ("before", "after")]
    names = sorted(panels[0].keys() | panels[1].keys(), key=lambda name: (-_accuracy(panels, name), name))
    return [
        {"name": name.replace("_", " "), "cells": [_per_cent(panel.get(name)) for panel in panels]} for name in names
    ]


def _accuracy(panels: list[dict[str, Any]], name: str) -> float:
    before, after = (panel.get(name, {}).get("accuracy", 0.0) for panel in panels)
    return float(after or before)


def _per_cent(row: dict[str, float] | None) -> dict[str, float] | None:
    return None if row is None else {key: 100 * row[key] for key in ("accuracy", "low", "high")}


def split_table(release: Release) -> list[dict[str, Any]]:
    """Per split the videos, queries and questions: count, share of the whole in per cent, and the reserve in it."""
    counts: Counter[tuple[str, str]] = Counter()
    kept: Counter[tuple[str, str]] = Counter()
    found = release.items.values_list("kind", "split").annotate(
        n=Count("id"), reserve=Count("id", filter=Q(published=False))
    )
    for kind, split, n, reserve in found.order_by():
        counts[kind, split], kept[kind, split] = n, reserve
    for split, n in release.items.values_list("split").annotate(Count("video", distinct=True)).order_by():
        counts["video", split] = n
    measures = ("video", Item.Kind.MOMENT, Item.Kind.QA)
    totals = {measure: sum(counts[measure, split] for split in Split.values) for measure in measures}
    return [
        {
            "split": split,
            "cells": [
                {
                    "count": counts[measure, split],
                    "share": 100 * counts[measure, split] / totals[measure] if totals[measure] else None,
                    "reserve": kept[measure, split],
                }
                for measure in measures
            ],
        }
        for split in Split.values
    ]


class ReleaseForm(ModelForm):
    class Meta:
        model = Release
        fields = (
            "slug", "version", "description", "authors", "licence", "only_tag", "only_items", "seed", "hidden",
            "option_count", "new_negatives", "set_aside", "copies_on_one_side", "annotators_on_one_side", "test_halves",
        )  # fmt: skip
        labels = {
            "slug": "Name",
            "hidden": "Hidden split",
            "only_tag": "Only videos with this tag",
            "only_items": "Only items that match",
        }
        widgets = {
            "hidden": RadioSelect,
            "option_count": RadioSelect,
            "description": Textarea(attrs={"rows": 3}),
            "authors": Textarea(attrs={"rows": 3}),
        }
        help_texts = {
            "slug": "of the benchmark, as in how2r: small letters, digits and dashes",
            "version": "as in 1.0.0",
            "seed": "draws the matching of negatives; the same seed on the same items gives the same release",
            "hidden": "Sealed keeps the files of one task from telling about the other and lends wrong answers from "
            "items that are published nowhere; half of what was collected on test clips goes into that reserve. Shared "
            "is for a release of one task, or for one too small to be dealt.",
        }

    set_aside = IntegerField(
        label="Questions set aside, per cent",
        required=False,
        initial=USUAL_SET_ASIDE,
        min_value=0,
        max_value=MOST_SET_ASIDE,
        help_text="Of the new questions of each split, those that models answer most surely without the video stay out "
        f"and are listed for rewriting. {USUAL_SET_ASIDE} takes four points or more from such models.",
    )

    only_licences = MultipleChoiceField(
        label="Only videos under these licences",
        required=False,
        widget=CheckboxSelectMultiple,
        help_text="None ticked: all videos, whatever their licence.",
    )
    only_batches = ModelMultipleChoiceField(
        Batch.objects.order_by("-pk"),
        label="Only answers to these batches",
        required=False,
        help_text="None chosen: all, and what was imported.",
    )
    field_order = (
        "slug", "version", "description", "authors", "licence", "only_licences", "only_tag", "only_batches",
        "only_items",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = Video.objects.exclude(licence="").order_by("licence").values_list("licence", flat=True).distinct()
        licences = cast(MultipleChoiceField, self.fields["only_licences"])
        licences.choices = [(licence, licence) for licence in known]
        self.fields["option_count"].required = False

    def clean_only_batches(self) -> list[int]:
        return [batch.pk for batch in self.cleaned_data["only_batches"]]

    def clean_option_count(self) -> int:
        return self.cleaned_data["option_count"] or Release.OptionCount.FOUR

    def clean_set_aside(self) -> int:
        return self.cleaned_data["set_aside"] or 0


class ReleaseCreate(CreateView):
    """Requesters start the build of a version."""

    model = Release
    form_class = ReleaseForm

    def form_valid(self, form: ModelForm) -> HttpResponse:
        assert self.request.user.is_authenticated  # by the table of access
        release = services.start_release(**form.cleaned_data, user=self.request.user)
        return redirect(release)


@require_POST
def retry(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Have a failed release built again."""
    release = get_object_or_404(Release, slug=slug, version=version)
    services.retry_release(release.pk)
    return redirect(release)


@require_POST
def waive(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Somebody answers by name for leaks that stopped a build."""
    release = get_object_or_404(Release, slug=slug, version=version)
    reasons = {
        attack: request.POST[f"reason {attack}"]
        for attack in release.stopped_by()
        if request.POST.get(f"reason {attack}", "").strip()
    }
    try:
        left = services.waive(release.pk, reasons, request.user)  # type: ignore[arg-type]
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"Still to be answered for: {', '.join(left)}." if left else "The build goes on.")
    return redirect(release)


@require_safe
def download(request: HttpRequest, slug: str, version: str) -> HttpResponseBase:
    """All public files of a frozen release as one zip, which can be resumed."""
    release = _frozen(slug, version)
    path = zip_of(release)
    etag, name = f'"{release.sha256}-zip"', f"{release.folder_name}.zip"
    size = path.stat().st_size
    return ranged(request, path.open("rb"), size, kind="application/zip", etag=etag, attachment=name)


@require_safe
def download_file(request: HttpRequest, slug: str, version: str, path: str) -> HttpResponseBase:
    """One public file of a frozen release. The path is looked up in the table, never on the disk."""
    release = _frozen(slug, version)
    if path == MANIFEST:
        sha256 = release.sha256
    elif path in UNLISTED:
        sha256 = f"{release.sha256}-{path}"
    else:
        sha256 = get_object_or_404(release.files, path=path, access=ReleaseFile.Access.PUBLIC).sha256
    file = release.folder / path
    if not file.is_file():
        raise Http404(f"{path} is not in this release")
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return ranged(request, file.open("rb"), file.stat().st_size, kind=kind, etag=f'"{sha256}"', attachment=file.name)


def _frozen(slug: str, version: str) -> Release:
    release = get_object_or_404(Release, slug=slug, version=version, state=Release.State.FROZEN)
    if not release.folder.is_dir():
        raise Http404(f"the files of {release} are not on this server: restore {release.folder_name} from a copy")
    return release
