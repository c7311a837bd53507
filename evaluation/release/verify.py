"""`verify`: every file of a release directory beside its manifests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from evaluation.io.errors import opening
from evaluation.release.files import check_file
from evaluation.release.manifest import ReleaseFolder, sums
from evaluation.release.names import MANIFEST, SUMS, is_held_out
from evaluation.release.schema import ManifestFile, ReleaseError


@dataclass(frozen=True)
class Verification:
    """What was compared: `files` with `bytes` in all; `problems` are reasons to refuse the folder, `notes` are none."""

    files: int
    bytes: int
    problems: list[str]
    notes: list[str]


def verify_folder(folder: ReleaseFolder, console: Console) -> Verification:
    """Compare size and sha256 of every file that must be in this copy; `console` shows how far it is."""
    problems: list[str] = []
    notes: list[str] = []
    try:
        entries = folder.entries()
        for name in folder.unlisted():
            unread = f"{folder.root / name}: no manifest lists it, so nothing reads it"
            (problems if is_held_out(name) else notes).append(unread)
    except ReleaseError as error:  # of the held-out manifest: the public files can be compared without it
        entries = folder.files()
        problems.append(str(error))
    problems += _differences(folder, entries, console)
    problems += _sums_fault(folder)
    return Verification(len(entries), sum(entry.bytes for entry in entries), problems, notes)


def _sums_fault(folder: ReleaseFolder) -> Iterator[str]:
    """SHA256SUMS follows from the manifest, which it names; releases of earlier software have none."""
    path = folder.root / SUMS
    if path.is_file() and path.read_bytes() != sums(folder.files(), folder.manifest_sha256).encode():
        yield f"{path}: these are not the sums of {MANIFEST} and of what it lists: one of the two was changed"


def _differences(folder: ReleaseFolder, entries: Sequence[ManifestFile], console: Console) -> Iterator[str]:
    columns = (TextColumn("comparing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    total = sum(entry.bytes for entry in entries)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        for entry in entries:
            path = folder.root / entry.path
            try:
                with opening(path, ReleaseError), progress.open(path, "rb", total=total, task_id=task) as file:
                    check_file(file, path, entry)
            except ReleaseError as error:
                yield str(error)
