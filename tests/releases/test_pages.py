"""The pages: what a release shows in each state, who may start one, and what can be downloaded."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile

import pytest
from django.contrib.auth.models import User

from benchmark_site.releases.models import Release
from tests.releases.conftest import frozen_without_matching, small_release

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_user("requester", is_staff=True))
    return client


def test_the_list_shows_every_release_and_offers_a_new_one_to_staff(client, staff):
    small_release("demo", "1.0.0")
    page = staff.get("/releases/").content.decode()
    assert "/releases/demo/1.0.0/" in page
    assert "being built" in page
    assert "/releases/new/" in page
    staff.logout()
    assert "/releases/new/" not in client.get("/releases/").content.decode()


def test_an_empty_list_says_so(client):
    assert "No release yet" in client.get("/releases/").content.decode()


def test_the_page_of_a_frozen_release_shows_counts_accuracy_and_files(client, frozen):
    page = client.get(frozen.get_absolute_url()).content.decode()
    assert frozen.sha256 in page
    for heading in ("Splits", "Can it be guessed?", "Quality gate", "Files"):
        assert f">{heading}</h2>" in page
    for file in frozen.files.all():
        shown = file.access == "public" or file.path == "held_out/MANIFEST.json"
        assert (file.path in page) == shown
        assert (file.sha256 in page) == shown  # a hash of the truth without a nonce could be tried out
        link = f"/releases/demo/1.0.0/files/{file.path}"
        assert (link in page) == (file.access == "public")
    assert "one place a text" in page
    assert "71.4" not in page  # of 400 questions: rounded
    assert ">70<" in page
    assert "51.2" in page
    assert "30.0" in page


def test_while_it_is_built_the_page_polls_and_stops_when_it_is_done(client, frozen):
    release = small_release("demo", "1.0.1")
    url = release.get_absolute_url()
    assert client.get(url).status_code == 404
    client.force_login(User.objects.create_user("requester", is_staff=True))
    assert 'hx-trigger="every 3s"' in client.get(url).content.decode()
    part = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<section id="progress"')
    assert "waiting for a worker" in part
    done = client.get(frozen.get_absolute_url(), headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in done
    assert "Show the release" in done


def test_a_failed_release_says_why_and_staff_can_have_it_built_again(client, staff):
    release = small_release("demo", "1.0.0")
    Release.objects.update(state="failed", reason="quality gate: B4 <these>")
    page = staff.get(release.get_absolute_url()).content.decode()
    assert "quality gate: B4 &lt;these&gt;" in page
    assert "Build again" in page
    assert staff.get("/releases/demo/1.0.0/retry/").status_code == 405
    response = staff.post("/releases/demo/1.0.0/retry/")
    assert response.headers["Location"] == release.get_absolute_url()
    release.refresh_from_db()
    assert (release.state, release.reason) == ("building", "")


def test_visitors_neither_start_nor_retry_a_release(client):
    small_release("demo", "1.0.0")
    Release.objects.update(state="failed", reason="x")
    for response in (
        client.get("/releases/new/"),
        client.post("/releases/new/", {"slug": "x", "version": "1.0.0", "seed": 0}),
        client.post("/releases/demo/1.0.0/retry/"),
    ):
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/login/")
    client.force_login(User.objects.create_user("annotator"))
    assert client.post("/releases/new/", {"slug": "x", "version": "1.0.0", "seed": 0}).status_code == 403
    assert Release.objects.get().state == "failed"


def test_staff_start_a_release(staff):
    response = staff.post("/releases/new/", {"slug": "demo", "version": "1.0.0", "seed": 7, "hidden": "shared"})
    release = Release.objects.get()
    assert response.headers["Location"] == release.get_absolute_url()
    assert (release.seed, release.hidden, release.state) == (7, "shared", "building")
    assert release.created_by.username == "requester"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"slug": "De mo", "version": "1.0.0", "seed": 0}, "small letters"),
        ({"slug": "demo", "version": "one", "seed": 0}, "semantic version"),
        ({"slug": "taken", "version": "1.0.0", "seed": 0}, "this version exists already"),
        ({"slug": "demo", "version": "1.0.0", "seed": -1}, "greater than or equal to 0"),
        ({"slug": "demo", "version": "1.0.0", "seed": 2**31}, "less than or equal to"),
    ],
)
def test_a_malformed_request_comes_back_with_a_message(staff, data, message):
    small_release("taken", "1.0.0")
    page = staff.post("/releases/new/", data)
    assert page.status_code == 200
    assert message in page.content.decode()
    assert Release.objects.count() == 1


def test_the_zip_holds_exactly_the_public_files(client, frozen):
    response = client.get("/releases/demo/1.0.0/download/")
    assert response.headers["Content-Disposition"] == 'attachment; filename="demo-1.0.0.zip"'
    raw = b"".join(response.streaming_content)
    assert raw == b"".join(client.get("/releases/demo/1.0.0/download/").streaming_content)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.testzip() is None
        public = {file.path: file.sha256 for file in frozen.files.filter(access="public")}
        public["MANIFEST.json"] = frozen.sha256
        names = {name.removeprefix("demo-1.0.0/") for name in archive.namelist()}
        assert names == public.keys() | {"PROVENANCE.json", "SHA256SUMS"}
        for path, sha256 in public.items():
            assert hashlib.sha256(archive.read(f"demo-1.0.0/{path}")).hexdigest() == sha256


def test_one_public_file_comes_whole_with_its_hash_as_etag(client, frozen):
    file = frozen.files.get(path="moment/tvr/val.jsonl")
    response = client.get(f"/releases/demo/1.0.0/files/{file.path}")
    content = b"".join(response.streaming_content)
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert response.headers["ETag"] == f'"{file.sha256}"'
    assert response.headers["Content-Disposition"] == 'attachment; filename="val.jsonl"'
    manifest = client.get("/releases/demo/1.0.0/files/MANIFEST.json")
    assert hashlib.sha256(b"".join(manifest.streaming_content)).hexdigest() == frozen.sha256


@pytest.mark.parametrize(
    "path",
    [
        "held_out/moment/tvr/test_public.jsonl",
        "held_out/qa/value/test_public.jsonl",
        "moment/../held_out/qa/value/test_public.jsonl",
        "../demo-1.0.0/MANIFEST.json",
        "%2e%2e/%2e%2e/secrets.json",
        "//etc/passwd",
        "MANIFEST.json%00",
        "nothing",
    ],
)
def test_nothing_else_can_be_downloaded(client, staff, frozen, path):
    assert staff.get(f"/releases/demo/1.0.0/files/{path}").status_code == 404


def test_nothing_can_be_downloaded_before_it_is_frozen(client, frozen):
    small_release("demo", "1.0.1")
    assert client.get("/releases/demo/1.0.1/download/").status_code == 404
    assert client.get("/releases/demo/1.0.1/files/MANIFEST.json").status_code == 404
    assert client.get("/releases/demo/9.9.9/").status_code == 404


def test_lost_files_are_no_server_error(client, frozen):
    shutil.rmtree(frozen.folder)
    assert client.get("/releases/demo/1.0.0/").status_code == 200
    assert client.get("/releases/demo/1.0.0/download/").status_code == 404
    assert client.get("/releases/demo/1.0.0/files/MANIFEST.json").status_code == 404


def test_the_admin_shows_a_frozen_release_and_changes_nothing(client, frozen):
    client.force_login(User.objects.create_superuser("root"))
    for name, row in (
        ("release", frozen),
        ("item", frozen.items.first()),
        ("releasefile", frozen.files.first()),
        ("splitvideo", frozen.new_videos.first()),
    ):
        assert client.get(f"/admin/releases/{name}/").status_code == 200
        assert client.get(f"/admin/releases/{name}/{row.pk}/change/").status_code == 200
        assert client.post(f"/admin/releases/{name}/{row.pk}/change/", {}).status_code == 403
        assert client.post(f"/admin/releases/{name}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
        assert client.get(f"/admin/releases/{name}/add/").status_code == 403
    assert client.get("/admin/releases/negative/").status_code == 200


def test_a_small_sealed_split_prints_verdicts_alone(sealed, client):
    """Which attack is the worst, what it reaches and what comes next would let anybody choose among possible truths."""
    page = client.get(sealed.get_absolute_url()).content.decode()
    card = (sealed.folder / "README.md").read_text()
    for text in (page, card):
        assert "all attacks of this kind" in text
        assert "one place a text" in text  # it leaks
        for told in ("row number", "trees", "71.4", "36.1"):
            assert told not in text


def test_strangers_are_not_told_how_many_answers_are_lent(client, corpus):
    """With what the pages of labelled items tell, that would count the hidden ones."""
    corpus(6)
    release = small_release("demo", "1.0.0")

    def match() -> None:
        counts = {"n": 12, "replaced": 7, "fallbacks": 5, "certified_gap": 0}
        Release.objects.filter(pk=release.pk).update(matching=counts)

    frozen_without_matching(release, match)
    told = ("7 wrong answers of 12 questions", "5 questions kept")
    stranger = client.get(release.get_absolute_url()).content.decode()
    assert "nats a question from the best possible" in stranger
    assert not any(words in stranger for words in told)
    client.force_login(User.objects.create_user("requester", is_staff=True))
    assert all(words in client.get(release.get_absolute_url()).content.decode() for words in told)


def test_the_gate_tells_strangers_verdicts_and_no_counts(client, frozen):
    """By difference with what train and val show, counts over all splits would count hidden items."""
    told = [f"{row['n']} of {row['total']}" for row in frozen.quality if row["total"]]
    assert told
    url = frozen.get_absolute_url()
    stranger = client.get(url).content.decode()
    assert "● passed" in stranger
    assert not [count for count in told if f">{count}<" in stranger]
    client.force_login(User.objects.create_user("requester", is_staff=True))
    assert all(f">{count}<" in client.get(url).content.decode() for count in told)
