"""The same rows written once more elsewhere: another process, folder, time zone, language and order of hashes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark_site.releases.models import Release
from benchmark_site.releases.services import create_release
from tests.releases.conftest import ROOT, Corpus, database_url, deal_by_hand, frozen_without_matching

WRITE = """
import sys
from pathlib import Path
import django
django.setup()
from benchmark_site.releases.files.companions import write_companions
from benchmark_site.releases.files.writer import write_files, write_manifests
from benchmark_site.releases.models import Release

folder, release = Path(sys.argv[1]), Release.objects.get(slug="demo")
folder.mkdir()
files = write_files(folder, release)
files += write_companions(folder, release, files)
print(write_manifests(folder, release, files)[1])
"""


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_come_out_elsewhere(corpus: Corpus, media: Path, tmp_path: Path) -> None:
    deal_by_hand(corpus(24), train=2, val=2)
    release = frozen_without_matching(create_release("demo", "1.0.0", test_halves=True))
    again = tmp_path / "another folder" / "again"
    again.parent.mkdir()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "benchmark_site.settings",
        "DATABASE_URL": database_url(),
        "MEDIA_ROOT": str(media),
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "7",
        "TZ": "Pacific/Chatham",
        "LC_ALL": "C",
    }
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(again)],
        cwd=again.parent, env=environment, timeout=120, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == release.sha256
    for path in release.files.values_list("path", flat=True):
        assert (again / path).read_bytes() == (release.folder / path).read_bytes(), path
    assert Release.objects.get(slug="demo").sha256 == release.sha256
