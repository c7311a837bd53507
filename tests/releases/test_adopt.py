"""A release folder of another site becomes one of this site: same files, same splits, and its items go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from annotation.models import Answer, Clip, Query, Question, Segment, Subtitle, Video
from benchmark_site.releases.files.card import about_release
from benchmark_site.releases.models import HalvedVideo, Item, Negative, Release, SealedClip, SplitVideo
from benchmark_site.releases.services import create_release
from benchmark_site.releases.split.carry_over import carried
from evaluation.exchange.about import bibtex
from evaluation.release import Release as Reader
from tests.evaluation.small_release import edit_rows, relist, write_folder, write_release
from tests.releases.conftest import deal_by_hand, frozen_without_matching, small_release

# Each test wipes the site, whose triggers keep ledgers and frozen rows: by truncation, which they allow.
pytestmark = pytest.mark.django_db(transaction=True)
TABLES = (Item, SplitVideo, SealedClip, Answer, Question, Query, Segment, Subtitle, Clip, Video, Release)


def moved(release: Release, place: Path, public: bool) -> Path:
    """The release's folder elsewhere, and a site that knows nothing of it."""
    shutil.copytree(release.folder, place)
    if public:
        shutil.rmtree(place / "held_out")
    shutil.rmtree(release.folder)
    wipe()
    return place


def wipe() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in TABLES)} CASCADE")


def rows(release: Release) -> dict[tuple[str, int], tuple[object, ...]]:
    fields = ("split", "published", "vid_name", "start", "end", "text", "type", "answer_index")
    return {(i.kind, i.public_id): tuple(getattr(i, name) for name in fields) for i in release.items.all()}


@pytest.mark.parametrize("kind", ["frozen", "sealed"])
def test_a_full_copy_is_the_same_release_here(request, kind, tmp_path):
    release = request.getfixturevalue(kind)
    before, files = rows(release), dict(release.files.values_list("path", "sha256"))
    splits = dict(SplitVideo.objects.values_list("video__public_id", "split"))
    sealed = set(SealedClip.objects.values_list("clip__video__public_id", "task"))
    folder = moved(release, tmp_path / "elsewhere", public=False)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    assert (here.state, here.sha256, here.hidden, here.seal) == ("frozen", release.sha256, release.hidden, release.seal)
    assert dict(here.files.values_list("path", "sha256")) == files
    assert rows(here) == before
    assert dict(SplitVideo.objects.values_list("video__public_id", "split")) == splits
    assert set(SealedClip.objects.values_list("clip__video__public_id", "task")) == sealed
    Reader.open(here.folder).verify()
    assert (here.folder / "held_out").stat().st_mode & 0o077 == 0
    assert Subtitle.objects.count() == Video.objects.count()
    assert {q.public_id for q in Query.objects.all()} == {number for task, number in before if task == "moment"}
    counts = [model.objects.count() for model in TABLES]
    call_command("import_release", str(folder))
    assert [model.objects.count() for model in TABLES] == counts


def test_the_next_version_goes_on_with_ids_and_splits(frozen, tmp_path):
    folder = moved(frozen, tmp_path / "elsewhere", public=False)
    call_command("import_release", str(folder))
    before = {key: row[:1] for key, row in rows(Release.objects.get()).items()}
    second = frozen_without_matching(small_release("demo", "1.1.0"))
    assert {key: row[:1] for key, row in rows(second).items()} == before
    assert not second.exclusions.exists()


def test_what_another_site_may_have_lent_is_not_lent_again(sealed, tmp_path):
    """Which answers of the reserve it has lent, its files do not say."""
    kept = set(sealed.items.filter(kind="qa", published=False).values_list("public_id", flat=True))
    folder = moved(sealed, tmp_path / "elsewhere", public=False)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    known = carried(here, list(here.items.filter(kind="qa").select_related("video")))
    assert kept
    assert kept <= known.lent


def lend(release: Release) -> None:
    """A wrong option of every third question becomes the right answer of the next question of its split but one."""
    by_split: dict[str, list[Item]] = {}
    for item in release.items.filter(kind="qa").order_by("public_id"):
        by_split.setdefault(item.split, []).append(item)
    for items in by_split.values():
        for item, source in list(zip(items, items[2:], strict=False))[::3]:
            place = (item.answer_index + 1) % 4
            text = source.options[source.answer_index]
            if item.video_id == source.video_id or text in item.options:
                continue
            Negative.objects.create(
                item=item, source=source, option=place, relevance=0.75, similarity=0.125, replaced=item.options[place]
            )
            item.options[place] = text
            item.save()


def told(release: Release) -> set[tuple[object, ...]]:
    fields = ("item__public_id", "source__public_id", "option", "relevance", "similarity", "replaced")
    return set(Negative.objects.filter(item__release=release).values_list(*fields))


def written() -> dict[int, list[str]]:
    return {
        question.public_id: sorted(answer.text for answer in question.answers.all())
        for question in Question.objects.prefetch_related("answers")
    }


def test_what_a_full_copy_says_was_lent_is_known_here_and_counts_as_written_by_nobody(corpus, client, tmp_path):
    deal_by_hand(corpus(12), train=4, val=4)
    waiting = small_release("demo", "1.0.0")
    release = frozen_without_matching(waiting, before_publishing=lambda: lend(waiting))
    before, options, people = told(release), released(release), written()
    assert {item.split for item in release.items.filter(negatives__isnull=False)} == {"train", "val", "test"}
    folder = moved(release, tmp_path / "elsewhere", public=False)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    assert (told(here), released(here), written()) == (before, options, people)
    item = here.items.filter(negatives__isnull=False, split="train").first()
    page = client.get(f"/releases/demo/1.0.0/items/qa/{item.public_id}/").content.decode()
    assert f"/items/qa/{item.negatives.get().source.public_id}/" in page


def released(release: Release) -> dict[int, list[str]]:
    return dict(release.items.filter(kind="qa").values_list("public_id", "options"))


def test_a_public_copy_tells_nothing_of_what_was_lent(corpus, tmp_path):
    deal_by_hand(corpus(12), train=4, val=4)
    waiting = small_release("demo", "1.0.0")
    release = frozen_without_matching(waiting, before_publishing=lambda: lend(waiting))
    folder = moved(release, tmp_path / "elsewhere", public=True)
    assert not list(folder.rglob("lent*"))
    assert "lent.jsonl" not in "".join(path.read_text() for path in folder.glob("*.json"))
    call_command("import_release", str(folder))
    assert not Negative.objects.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_qid": 5}, "expected two questions of the release"),
        ({"option": None}, "is not lent by"),
        ({"option": 4}, "option"),
    ],
)
def test_a_list_of_what_was_lent_that_fits_no_question_is_refused(corpus, tmp_path, change, message):
    deal_by_hand(corpus(12), train=4, val=4)
    waiting = small_release("demo", "1.0.0")
    release = frozen_without_matching(waiting, before_publishing=lambda: lend(waiting))
    right = dict(release.items.filter(kind="qa").values_list("public_id", "answer_index"))
    folder = moved(release, tmp_path / "elsewhere", public=False)
    edit_rows(
        folder / "held_out/qa/value/lent.jsonl",
        lambda row: row.update({k: right[row["qid"]] if v is None else v for k, v in change.items()}),
    )
    relist(folder)
    with pytest.raises(CommandError, match=message):
        call_command("import_release", str(folder))
    assert not Video.objects.exists()


def test_a_right_answer_is_not_lent_though_another_question_has_it_too(corpus, tmp_path):
    deal_by_hand(corpus(12), train=4, val=4)
    one, other = Question.objects.filter(segment__clip__video__public_id__in=("shapes-000", "shapes-001"))[:2]
    Answer.objects.filter(question__in=(one, other), correct=True).update(text="It waits")
    waiting = small_release("demo", "1.0.0")
    release = frozen_without_matching(waiting, before_publishing=lambda: lend(waiting))
    right = dict(release.items.filter(kind="qa").values_list("public_id", "answer_index"))
    wrong = {"qid": one.public_id, "source_qid": other.public_id, "option": right[one.public_id]}
    folder = moved(release, tmp_path / "elsewhere", public=False)
    edit_rows(folder / "held_out/qa/value/lent.jsonl", lambda row: row.update(wrong))
    relist(folder)
    with pytest.raises(CommandError, match="is not lent by"):
        call_command("import_release", str(folder))


def test_of_a_public_copy_the_labelled_splits_come_in(frozen, tmp_path):
    labelled = {key for key, row in rows(frozen).items() if row[0] != "test"}
    folder = moved(frozen, tmp_path / "elsewhere", public=True)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    assert rows(here).keys() == labelled
    assert not (here.folder / "held_out").exists()
    assert here.sha256 == frozen.sha256


def test_a_damaged_folder_and_another_split_are_refused_and_nothing_stays(frozen, tmp_path):
    video = frozen.items.filter(split="train").first().video.public_id
    folder = moved(frozen, tmp_path / "elsewhere", public=False)
    path = folder / "moment/tvr/val.jsonl"
    good = path.read_bytes()
    path.write_bytes(good + b"\n")
    with pytest.raises(CommandError, match=r"moment/tvr/val\.jsonl"):
        call_command("import_release", str(folder))
    path.write_bytes(good)
    other = small_release("other", "1.0.0")
    SplitVideo.objects.create(video=Video.objects.create(public_id=video, state="ready"), split="val", release=other)
    with pytest.raises(CommandError, match=f"{video} is in train there and in val here"):
        call_command("import_release", str(folder))
    assert not Query.objects.exists()
    assert list(Release.objects.all()) == [other]
    assert not frozen.folder.exists()


@pytest.mark.parametrize("public", [False, True])
def test_what_a_release_says_of_itself_and_of_its_films_comes_along(corpus, tmp_path, public):
    corpus(6)
    Video.objects.update(source="a channel", title="A film")
    Video.objects.filter(public_id="shapes-001").update(licence="CC-BY-4.0")
    waiting = small_release("demo", "1.0.0")
    told = {"description": "Shapes that move.", "authors": "Lovelace, Ada\nAlan Turing", "licence": "CC0-1.0"}
    Release.objects.filter(pk=waiting.pk).update(**told)
    release = frozen_without_matching(waiting)
    page, films = bibtex(about_release(release)), films_here()
    folder = moved(release, tmp_path / "elsewhere", public)
    Video.objects.create(public_id="shapes-002", licence="CC-BY-ND-4.0", duration=30.0, state="ready")
    call_command("import_release", str(folder))
    here = Release.objects.get()
    assert {name: getattr(here, name) for name in told} == told
    assert bibtex(about_release(here)) == page
    assert films_here() == films | {"shapes-002": ("CC-BY-ND-4.0", "", "")}


def films_here() -> dict[str, tuple[str, str, str]]:
    return {film.public_id: (film.licence, film.source, film.title) for film in Video.objects.all()}


def test_a_release_of_version_1_becomes_one_of_this_site(client, tmp_path):
    folder = write_release(tmp_path / "old", version=1)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    assert (here.state, here.hidden, here.licence) == ("frozen", "shared", "")
    assert here.items.filter(split="test").exists()
    for path in ("", "items/", "files/MANIFEST.json", "download/"):
        assert client.get(f"/releases/small/1.0.0/{path}").status_code == 200
    assert client.get("/releases/small/1.0.0/files/held_out/moment/tvr/test_public.jsonl").status_code == 404


FAULTY = {
    "queries of train without truth": lambda root: edit_rows(
        root / "moment/tvr/train.jsonl", lambda row: [row.pop(name) for name in ("ts", "vid_name")]
    ),
    "questions of val without truth": lambda root: edit_rows(
        root / "qa/value/val.jsonl", lambda row: row.pop("answer_idx")
    ),
    "times that are none": lambda root: edit_rows(root / "qa/value/val.jsonl", lambda row: row.update(ts="one-two")),
    "times that never end": lambda root: edit_rows(root / "qa/value/val.jsonl", lambda row: row.update(ts="nan-nan")),
    "times reversed": lambda root: edit_rows(root / "moment/tvr/val.jsonl", lambda row: row["ts"].reverse()),
    "a number that no table holds": lambda root: edit_rows(
        root / "qa/value/val.jsonl", lambda row: row.update(qid=row["qid"] + 2**40)
    ),
    "another encoding": lambda root: (root / "subtitles.jsonl").write_bytes(b'{"vid_name": "\xe9", "sub": []}\n'),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_release_is_refused_in_words_and_nothing_stays(tmp_path, fault):
    folder = write_release(tmp_path / "faulty")
    FAULTY[fault](folder)
    relist(folder)
    with pytest.raises(CommandError):
        call_command("import_release", str(folder))
    assert not Release.objects.exists()
    assert not Video.objects.exists()


def test_a_file_that_could_have_no_page_is_refused(tmp_path):
    folder = write_release(tmp_path / "source")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.json*")}
    files = {path: raw for path, raw in files.items() if not path.endswith("MANIFEST.json")}
    odd = write_folder(tmp_path / "odd", files | {"my notes.txt": b"x"}, name="small")
    with pytest.raises(CommandError, match=r"my notes\.txt"):
        call_command("import_release", str(odd))


def test_the_halves_of_test_come_along_and_fit_the_ledger(corpus, tmp_path):
    deal_by_hand(corpus(24), train=2, val=2)
    release = frozen_without_matching(create_release("demo", "1.0.0", test_halves=True))
    before = dict(HalvedVideo.objects.values_list("video__public_id", "half"))
    folder = moved(release, tmp_path / "elsewhere", public=False)
    video = Video.objects.create(public_id=min(before), state="ready")
    other = small_release("other", "1.0.0")
    SplitVideo.objects.create(video=video, split="test", release=other)
    half = "private" if before[video.public_id] == "public" else "public"
    HalvedVideo.objects.create(video=video, half=half, release=other)
    with pytest.raises(CommandError, match=f"{video.public_id} is in the {before[video.public_id]} half of test there"):
        call_command("import_release", str(folder))
    wipe()
    call_command("import_release", str(folder))
    assert Release.objects.get().test_halves
    assert dict(HalvedVideo.objects.values_list("video__public_id", "half")) == before


def test_five_options_come_along(corpus, tmp_path):
    corpus(6)
    for question in Question.objects.all():
        Answer.objects.create(question=question, position=4, text=f"nothing of it {question.public_id}")
    release = frozen_without_matching(create_release("demo", "1.0.0", hidden="shared", option_count=5))
    options = released(release)
    assert {len(texts) for texts in options.values()} == {5}
    folder = moved(release, tmp_path / "elsewhere", public=False)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    assert (here.option_count, released(here)) == (5, options)
