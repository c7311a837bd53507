"""Both layouts of a folder of features give the same vectors: an npz file a video, or an LMDB database."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.cli.main import main
from evaluation.forms.records import FormError
from evaluation.raw.arrays import ArrayFault
from evaluation.raw.folders import open_folder
from evaluation.release import Release
from tests.evaluation.raw.raw_folder import RESNET, SLOWFAST, clips, features, tvr, write_npz, write_tv

ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)


def packed(array: NDArray[Any]) -> bytes:
    """As the authors pack a video that is not compressed."""
    parts = {b"nd": True, b"type": array.dtype.str, b"kind": b"", b"shape": array.shape, b"data": array.tobytes()}
    return msgspec.msgpack.encode({"features": parts})


def compressed(array: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, features=array)
    return out.getvalue()


def write_database(root: Path, values: dict[str, bytes], counts: dict[str, int] | None = None) -> Path:
    """As the authors' script leaves it: the counts beside the database's folder."""
    lmdb = pytest.importorskip("lmdb")
    folder = root / "resnet_slowfast_1.5"
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for name, value in values.items():
            transaction.put(name.encode(), value)
    if counts is not None:
        (root / "id2nframe.json").write_text(json.dumps(counts))
    return root


def test_videos_lie_at_any_depth(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", ARRAY)
    write_npz(tmp_path / "show/season/b.c.npz", ARRAY + 1)
    with open_folder(tmp_path) as folder:
        np.testing.assert_array_equal(folder.read("a"), ARRAY)
        np.testing.assert_array_equal(folder.read("b.c"), ARRAY + 1)
        with pytest.raises(ArrayFault, match=r"^d\.npz is not there$"):
            folder.read("d")


def test_a_file_that_cannot_be_opened_is_a_fault_of_its_video(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", ARRAY)
    (tmp_path / "b.npz").symlink_to(tmp_path / "gone")
    (tmp_path / "c.npz").mkdir()
    with open_folder(tmp_path) as folder:
        for name in "bc":
            with pytest.raises(ArrayFault, match=rf"{name}\.npz: "):
                folder.read(name)


@pytest.mark.parametrize("pack", [packed, compressed])
def test_a_database_is_read_in_either_packing(pack: Any, tmp_path: Path) -> None:
    root = write_database(
        tmp_path / "tv", {"a": pack(ARRAY), "ü": pack(ARRAY.astype(np.float16) + 1)}, {"a": 3, "ü": 9}
    )
    for path in (root, root / "resnet_slowfast_1.5"):
        with open_folder(path) as folder:
            np.testing.assert_array_equal(folder.read("a"), ARRAY[:3])  # so many count
            np.testing.assert_array_equal(folder.read("ü"), ARRAY + 1)
            with pytest.raises(ArrayFault, match=r"^b is not in data\.mdb$"):
                folder.read("b")
            with pytest.raises(ArrayFault, match="cannot be looked up"):
                folder.read("")


def test_what_a_database_holds_beside_features_is_a_fault_of_its_video(tmp_path: Path) -> None:
    root = write_database(
        tmp_path, {"a": b"", "b": b"PK\x03\x04", "c": packed(ARRAY)[:-1], "d": packed(ARRAY)}, {"d": -1}
    )
    with open_folder(root) as folder:
        for name, why in (("a", "no map of msgpack"), ("b", "no npz file"), ("c", "no map of msgpack")):
            with pytest.raises(ArrayFault, match=f"^{name} is {why}"):
                folder.read(name)
        assert len(folder.read("d")) == 0


def test_nothing_is_written_beside_a_database(tmp_path: Path) -> None:
    root = write_database(tmp_path, {"a": packed(ARRAY)})
    (root / "resnet_slowfast_1.5/lock.mdb").unlink()
    with open_folder(root) as folder:
        folder.read("a")
    assert [path.name for path in (root / "resnet_slowfast_1.5").iterdir()] == ["data.mdb"]


def test_a_database_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """To look beyond its end would end the process."""
    values = {f"{n:03}": packed(np.full((40, 64), n, np.float32)) for n in range(40)}
    file = write_database(tmp_path, values) / "resnet_slowfast_1.5/data.mdb"
    whole = file.read_bytes()
    for size in (0, 100, 4096, 8192, len(whole) // 2, len(whole) - 4096):
        file.write_bytes(whole[:size])
        with pytest.raises(FormError, match=r"data\.mdb: "):
            open_folder(tmp_path).__enter__()


def test_two_databases_are_not_chosen_from(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.mdb").touch()
    with pytest.raises(FormError, match="holds 2 databases, name one"):
        open_folder(tmp_path).__enter__()


def test_without_the_package_a_database_is_refused_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.mdb").touch()
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(FormError, match="pip install lmdb"):
        open_folder(tmp_path).__enter__()


def test_a_folder_of_neither_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.h5").touch()
    with pytest.raises(FormError, match=r"no \.npz file in it and no data\.mdb"):
        open_folder(tmp_path).__enter__()


def test_a_database_makes_the_release_that_the_npz_files_make(tmp_path: Path) -> None:
    tv = write_tv(tmp_path / "tv")
    names = [name for split in ("train", "val", "test_public") for name in clips(split)]
    joined = {
        name: np.concatenate([features(name, RESNET, 9).astype(np.float16)[:8], features(name, SLOWFAST)], 1)
        for name in names
    }
    root = write_database(tmp_path / "video_db/tv", {name: packed(array) for name, array in joined.items()})
    releases = []
    for out, more in (("files", []), ("database", ["--features", root])):
        assert main(tvr(tv, tmp_path / out, *more)) == 0
        releases.append(Release.open(tmp_path / out))
    files, database = ({entry.path: entry.sha256 for entry in release.files()} for release in releases)
    same = {path for path in files if not path.startswith("features/") and path != "README.md"}
    assert {path: files[path] for path in same} == {path: database[path] for path in same}
    arrays = [
        np.concatenate([np.frombuffer(release.root.joinpath(entry.path).read_bytes()[-8 * 4 * 8 * 11 :], "<f4")])
        for release in releases for entries in release.feature_files().values() for entry in entries
    ]  # fmt: skip
    np.testing.assert_array_equal(*arrays)


def test_a_clip_of_which_no_frame_counts_has_no_features(tmp_path: Path) -> None:
    """Of a corrupt video the authors' counts say 0."""
    tv, names = write_tv(tmp_path / "tv"), clips("val")
    root = write_database(tmp_path / "db", {name: packed(features(name, 3)) for name in names}, {names[0]: 0})
    command = [
        "gather",
        tmp_path / "out",
        "--features",
        root,
        "--interval",
        1.5,
        "--val",
        "tvqa",
        tv / "tvqa_val.jsonl",
    ]
    assert main([str(part) for part in command]) == 0
    assert Release.open(tmp_path / "out").videos("val").names == names[1:]
    assert f"{names[0]}: 0 frames in 0 s" in (tmp_path / "out.problems.jsonl").read_text()


@pytest.mark.parametrize("interval", [1e-9, 1e308])
def test_an_interval_at_which_no_clip_lasts_is_refused(
    interval: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tv = write_tv(tmp_path / "tv")
    command = ["gather", tmp_path / "out", "--interval", interval, "--val", "tvqa", tv / "tvqa_val.jsonl"]
    assert main([str(part) for part in [*command, "--features", tv / "slowfast_features"]]) == 2
    assert "3 of 3 clips have no features that can be used" in capsys.readouterr().err
