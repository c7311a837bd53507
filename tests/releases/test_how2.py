"""How2R and How2QA as their authors published them, by the pages: what is left out, and how what stays is split."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotation.imports.runs import run_import
from annotation.models import AnnotationImport
from benchmark_site.releases.models import Item, Release, Split
from benchmark_site.releases.split.video_split import TARGETS
from evaluation.release import Release as Reader
from tests.releases.conftest import ROOT, frozen_without_matching

SOURCE = Path(os.environ.get("BENCH_SHARED", ROOT.parent / "shared")) / "data/how2"
FILES = {
    "how2R_val_release.csv": "how2r",
    "how2R_test_public_release.csv": "how2r",
    "how2QA_val_release.csv": "how2qa",
}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.skipif(not SOURCE.exists(), reason="How2R and How2QA are not there (BENCH_SHARED)")
def test_how2_goes_from_its_files_to_a_frozen_release(client: Client) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    for name, form in FILES.items():
        sent = SimpleUploadedFile(name, (SOURCE / name).read_bytes())
        client.post("/imports/", {"form": form, "file": sent, "licence": "CC-BY-NC-SA-4.0"})
        run_import(AnnotationImport.objects.latest("pk").pk)
    runs = list(AnnotationImport.objects.all())
    assert {run.state for run in runs} == {"done"}
    lost = Counter(row["what"] for run in runs for row in run.problems if row["left_out"])
    assert lost["options"] == 14  # an option twice: the tables hold none of them
    assert lost["ts"] == 1  # begins before its clip

    client.post("/releases/new/", {"slug": "how2", "version": "1.0.0", "seed": 0, "hidden": "sealed"})
    release = frozen_without_matching(Release.objects.get())
    found = {row["id"]: row["n"] for row in release.quality if row["severity"] != "warn"}
    assert (found["B2"], found["B6"]) == (145 + 143 + 128, 82)
    assert {check for check, n in found.items() if n} == {"B2", "B6", "H1"}
    assert release.items.count() == 10_448
    left_out = set(release.exclusions.values_list("kind", "public_id"))
    assert not left_out & set(release.items.values_list("kind", "public_id"))

    for kind in Item.Kind.values:
        counts = Counter(release.items.filter(kind=kind).values_list("split", flat=True))
        shares = {split: counts[split] / counts.total() for split in Split.values}
        assert all(abs(shares[split] - target) <= 0.005 for split, target in TARGETS.items()), shares
    reader = Reader.open(release.folder)
    reader.verify()
    for split in Split.values:
        for queries in (reader.moments(split), reader.moments(split, truth=False)):
            assert len(queries) == release.items.filter(kind="moment", split=split, published=True).count()
        moments = reader.moments(split)
        lengths = moments.videos.durations[moments.video]
        assert ((moments.start >= 0) & (moments.start < moments.end) & (moments.end <= lengths)).all()
