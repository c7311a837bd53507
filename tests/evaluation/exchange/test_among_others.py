"""Releases compared, mirrored, and looked for in a corpus, by the commands."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tracemalloc
import unicodedata
from pathlib import Path

import pytest

from evaluation.cli.main import main
from evaluation.exchange.contamination import canary_of, contamination
from evaluation.release import Release
from evaluation.release.manifest import sums
from tests.evaluation.small_release import edit_rows, relist, write_release

CANARY = "HERO BENCH CANARY demo-1.0.0 12345678-1234-1234-1234-123456789abc"


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, " ".join((captured.out + captured.err).split())


def test_a_release_and_itself_are_the_same(release: Path, public_release: Path, capsys) -> None:
    status, text = told(capsys, "diff", release, public_release)
    assert status == 0
    assert "the same items and clips" in text


def test_a_question_without_times_is_the_same_as_itself(tmp_path: Path, capsys) -> None:
    timeless = write_release(tmp_path / "timeless")
    for path in ("qa/value/train.jsonl", "qa/value/val.jsonl", "held_out/qa/value/test_public.jsonl"):
        edit_rows(timeless / path, lambda row: row.pop("ts"))
    relist(timeless)
    assert "the same items and clips" in told(capsys, "diff", timeless, timeless)[1]
    _, text = told(capsys, "diff", timeless, write_release(tmp_path / "timed"))
    assert "32 qa val corrected" in text
    assert "corrected: start, end" in text


def test_what_differs_is_named_by_id(tmp_path: Path, capsys) -> None:
    first = write_release(tmp_path / "first", videos=4)
    second = write_release(tmp_path / "second", videos=4, seed=1)  # other times and answers
    third = write_release(tmp_path / "third", videos=5)  # other clips
    out = tmp_path / "diff.json"
    status, text = told(capsys, "diff", first, second, "--json", out)
    assert status == 0
    found = json.loads(out.read_text())
    assert {row["word"] for row in found["items"]} == {"corrected"}
    assert {row["split"] for row in found["items"]} == {"train", "val", "test"}
    assert all("text" not in row["why"] for row in found["items"] if row["task"] == "moment")
    assert "16 moment train corrected" in text
    told(capsys, "diff", first, third, "--json", out)
    found = json.loads(out.read_text())
    assert {"tr_video4_0_60", "va_video4_0_60", "te_video8_0_60"} <= set(found["clips_added"])
    assert {row["word"] for row in found["items"]} >= {"added"}


def test_the_truth_is_compared_where_both_hold_it(release: Path, tmp_path: Path, capsys) -> None:
    other = write_release(tmp_path / "other", seed=1)
    _, both = told(capsys, "diff", release, other)
    assert "moment test corrected" in both
    public = write_release(tmp_path / "public", seed=1, held_out=False)
    _, one = told(capsys, "diff", release, public)
    assert "moment test corrected" not in one


def test_a_mirror_holds_the_public_part_and_copies_what_it_lacks(release: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "mirror"
    assert told(capsys, "mirror", release, target)[0] == 0
    copy = Release.open(target)
    copy.verify()
    assert copy.is_public_copy
    assert not list(target.rglob(".*"))
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()}
    _, text = told(capsys, "mirror", release, target)
    assert "0 files copied" in text
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (target / "moment/tvr/val.jsonl").write_text("damaged")
    _, text = told(capsys, "mirror", release, target)
    assert "1 files copied" in text
    Release.open(target).verify()


def test_a_mirror_takes_away_what_a_killed_run_left(release: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "mirror"
    left = [target / "moment/tvr/.val.jsonl.abc_1230.part", target / ".MANIFEST.json.abcdefgh.part"]
    others = [target / "moment/tvr/.own.jsonl.abc_1230.part", target / ".README.md.swp", target / "notes.txt"]
    (target / "moment/tvr").mkdir(parents=True)
    for path in left + others:
        path.touch()
    assert told(capsys, "mirror", release, target)[0] == 0
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)


@pytest.mark.parametrize("name", ["SHA256SUMS", "PROVENANCE.json"])
def test_a_mirror_mends_what_no_manifest_lists(release: Path, tmp_path: Path, capsys, name: str) -> None:
    source, target = shutil.copytree(release, tmp_path / "source"), tmp_path / "mirror"
    opened = Release.open(source)
    (source / name).write_text(sums(opened.files(), opened.manifest_sha256))
    told(capsys, "mirror", source, target)
    (target / name).write_text("half of")
    _, text = told(capsys, "mirror", source, target)
    assert "1 files copied" in text
    assert (target / name).read_bytes() == (source / name).read_bytes()


def test_a_mirror_of_another_release_is_refused(release: Path, tmp_path: Path, capsys) -> None:
    target = write_release(tmp_path / "other", seed=1)
    status, text = told(capsys, "mirror", release, target)
    assert status == 2
    assert "of another hash" in text


def test_sha256sum_takes_the_sums_that_the_writer_makes(tmp_path: Path) -> None:
    from evaluation.release.writer import write_file, write_manifests

    files = [write_file(tmp_path, "README.md", b"card"), write_file(tmp_path, "held_out/x.jsonl", b"truth")]
    write_manifests(tmp_path, files, name="demo", version="1.0.0", seed=0, hidden="sealed", nonce="0" * 64)
    shutil.rmtree(tmp_path / "held_out")
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "MANIFEST.json: OK\nREADME.md: OK\n")


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A public copy whose test texts say something of their own."""
    folder = write_release(tmp_path / "marked", held_out=False, videos=3, queries=1)
    (folder / "README.md").write_text(f"<!-- {CANARY} -->\n")
    path = folder / "moment/tvr/test_public.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["desc"] = "A tall woman in green boots carries nine yellow buckets over the bridge"
    rows[1]["desc"] = "Two words"
    rows[2]["desc"] = "The chef’s naïve friend pours crème into the old copper pan"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nothing of it", (0, 0)),
        (f"a page with {CANARY} in it", (1, 0)),
        ("they said: a tall woman, in GREEN boots carries nine yellow... and then", (0, 1)),
        ("tall woman in green boots\ncarries nine yellow buckets\n", (0, 1)),
        (json.dumps({"text": "x\nwoman in green boots carries nine yellow buckets"}), (0, 1)),
        ("woman in green boots carries nine yellow cups", (0, 0)),
        (json.dumps({"text": "chef’s naïve friend pours crème into the old copper pan"}), (0, 1)),
        (unicodedata.normalize("NFD", "chef’s naïve friend pours crème into the old copper pan"), (0, 1)),
        (json.dumps({"text": "x\twoman in green boots carries nine yellow buckets"}), (0, 1)),
        (json.dumps({"text": f"x\n{CANARY}\n"}), (1, 0)),
        ("word " * 400_000 + "woman in green boots carries nine yellow buckets " + "word " * 10, (0, 1)),
    ],
)
def test_a_corpus_is_searched_for_canary_and_word_sequences(
    marked: Path, tmp_path: Path, capsys, text: str, found: tuple[int, int]
) -> None:
    plain, packed, out = tmp_path / "corpus.txt", tmp_path / "corpus.jsonl.gz", tmp_path / "found.json"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    for corpus in (plain, packed):
        status, _ = told(capsys, "contamination", marked, corpus, "--json", out)
        row = json.loads(out.read_text())
        assert (len(row["canary"]), len(row["items"])) == found
        assert status == int(any(found))
        for place in [*row["canary"], *row["items"].values()]:
            assert place.startswith(f"{corpus}:")


def test_a_corpus_may_be_a_folder(marked: Path, tmp_path: Path, capsys) -> None:
    for name, text in (("a/one.txt", "nothing"), ("a/b/two.txt", CANARY), ("three.txt", f"- {CANARY}")):
        (tmp_path / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "corpus" / name).write_text(text)
    status, said = told(capsys, "contamination", marked, tmp_path / "corpus")
    assert status == 1
    assert "2 places of the canary" in said
    assert "corpus/a/b/two.txt:1: the canary" in said


def test_what_is_no_text_is_refused_and_not_called_clean(marked: Path, tmp_path: Path, capsys) -> None:
    for raw in (CANARY.encode("utf-16"), b"PK\x03\x04 packed"):
        (tmp_path / "corpus.txt").write_bytes(raw)
        assert told(capsys, "contamination", marked, tmp_path / "corpus.txt")[0] == 2


@pytest.mark.parametrize("text", [f"{'x' * 2000}\n" * 5000, "x" * (48 << 20)])
def test_without_a_canary_a_corpus_is_read_line_by_line(release: Path, tmp_path: Path, text: str) -> None:
    """What is kept of a line for the next one is bounded, or a large corpus would never end."""
    opened = Release.open(release)
    assert canary_of(opened) is None
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(text)
    tracemalloc.start()
    found = contamination(opened, [corpus])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.canary, found.items) == ([], {})
    assert peak < (6 << 20 if "\n" in text else 24 << 20)


@pytest.mark.parametrize("words", ["0", "1", "-8", "eight", "9" * 5000])
def test_too_few_words_would_be_found_everywhere(marked: Path, words: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["contamination", str(marked), str(marked), "--words", words])
    assert "argument --words" in capsys.readouterr().err


def test_what_train_holds_as_well_is_not_looked_for(release: Path, tmp_path: Path, capsys) -> None:
    corpus = tmp_path / "x.txt"
    rows = (release / "moment/tvr/train.jsonl").read_text().splitlines()
    corpus.write_text("\n".join(json.loads(row)["desc"] for row in rows))
    status, text = told(capsys, "contamination", release, corpus)
    assert status == 0, text
