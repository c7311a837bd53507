"""`gather`: a raw folder of the field as a release folder."""

import argparse
from collections.abc import Callable
from pathlib import Path

from rich.progress import Progress

from evaluation.cli.terminal import print_problems
from evaluation.forms.export import problem_row, rows_bytes
from evaluation.forms.records import FormError
from evaluation.forms.table import FORMS
from evaluation.io.atomic import write_atomic
from evaluation.io.terminal import Terminal
from evaluation.raw.annotations import Source
from evaluation.raw.gather import RawFolder, gather
from evaluation.release import SPLITS

DONE = 0


def gather_release(arguments: argparse.Namespace) -> int:
    """Write the release folder and, beside it, the list of everything that was left out or changed."""
    sources = [Source(split, form, Path(path)) for split in SPLITS for form, path in getattr(arguments, split) or ()]
    if not sources:
        raise FormError("no annotations: give --train, --val or --test")
    known = [name for name in FORMS if name != "release"]  # which is what is made here
    if unknown := [source.form_name for source in sources if source.form_name not in known]:
        raise FormError(f"form {unknown[0]!r} is unknown here, expected one of {', '.join(known)}")
    raw = RawFolder(sources, arguments.features, arguments.interval, arguments.video_index, arguments.subtitles)
    errors = Terminal(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:

        def watch(clips: int) -> Callable[[], None]:
            task = progress.add_task("features", total=clips)
            return lambda: progress.advance(task)

        found = gather(raw, arguments.out, watch)
    listed = arguments.out.with_name(f"{arguments.out.name}.problems.jsonl")
    write_atomic(listed, [rows_bytes([problem_row(file, fault) for file, fault in found.problems])])
    out = Terminal()
    out.print(f"{arguments.out}: release hash {found.sha256}", markup=False, highlight=False, soft_wrap=True)
    for split in dict.fromkeys(source.split for source in sources):
        counts = f"{found.clips[split]} clips, {found.queries[split]} queries, {found.questions[split]} questions"
        out.print(f"{split}: {counts}", highlight=False)
    print_problems([fault for _, fault in found.problems], listed, out)
    return DONE
