"""The commands about files of others and releases as a whole: convert, verify, diff, mirror, contamination."""

import argparse
from pathlib import Path

from evaluation.cli.inputs import REFUSED
from evaluation.cli.terminal import print_conversion, print_refusal, print_verification
from evaluation.exchange.contamination import contamination
from evaluation.exchange.difference import difference
from evaluation.exchange.mirror import mirror
from evaluation.forms.export import convert as convert_form
from evaluation.forms.export import problem_row, rows_bytes
from evaluation.forms.records import FormError
from evaluation.forms.table import FORMS
from evaluation.io.atomic import json_bytes, write_atomic
from evaluation.io.terminal import Terminal
from evaluation.predictions.convert import SUFFIXES, convert_answers, convert_moments
from evaluation.predictions.errors import PredictionError
from evaluation.release import Release, ReleaseError
from evaluation.release.verify import verify_folder

DONE, FOUND = 0, 1
LISTED = 20


def verify(arguments: argparse.Namespace) -> int:
    """Compare a whole release directory with its manifests."""
    release = Release.open(arguments.release)
    found = verify_folder(release, Terminal(stderr=True))
    print_verification(release, found, Terminal(), Terminal(stderr=True))
    return REFUSED if found.problems else DONE


def convert(arguments: argparse.Namespace) -> int:
    """Rewrite predictions in the form that the suffix names, or with --from a foreign truth as our own rows."""
    if arguments.form:
        return _convert_form(arguments)
    if arguments.out.suffix not in SUFFIXES:
        raise ReleaseError(f"{arguments.out}: expected a name that ends in {', '.join(SUFFIXES)}")
    try:
        if arguments.task == "moment":
            convert_moments(arguments.predictions, arguments.out)
        else:
            convert_answers(arguments.predictions, arguments.out)
    except PredictionError as refusal:
        print_refusal(refusal, Terminal(stderr=True))
        return REFUSED
    return DONE


def _convert_form(arguments: argparse.Namespace) -> int:
    form, out = FORMS[arguments.form], arguments.out
    if out.suffix != ".jsonl":
        raise FormError(f"{out}: expected a name that ends in .jsonl")
    found = convert_form(arguments.predictions, form)
    listed = out.with_suffix(".problems.jsonl")
    write_atomic(out, [rows_bytes(found.rows)])
    write_atomic(listed, [rows_bytes([problem_row(found.source, fault) for fault in found.faults])])
    print_conversion(found, listed, Terminal())
    return DONE


def diff(arguments: argparse.Namespace) -> int:
    """Say what the second release holds otherwise."""
    first, second = Release.open(arguments.first), Release.open(arguments.second)
    found = difference(first, second)
    if arguments.json:
        rows = [change.__dict__ for change in found.items]
        clips = {"clips_added": found.clips_added, "clips_removed": found.clips_removed}
        write_atomic(arguments.json, [json_bytes({"items": rows, **clips})])
    out = Terminal()
    for release in (first, second):
        out.print(f"{release.name} {release.version}, release hash {release.manifest_sha256}", markup=False)
    for (word, task, split), n in sorted(found.counts().items()):
        out.print(f"{n} {task} {split} {word}", highlight=False)
    out.print(f"{len(found.clips_added)} clips added, {len(found.clips_removed)} removed", highlight=False)
    for change in [change for change in found.items if change.word != "added"][:LISTED]:
        text = f"{change.task} {change.id} {change.word}" + (f": {change.why}" if change.why else "")
        out.print(text, markup=False, highlight=False, soft_wrap=True)
    if not found.items and not found.clips_added and not found.clips_removed:
        out.print("the same items and clips")
    return DONE


def copy(arguments: argparse.Namespace) -> int:
    """Copy the public files of a release to a folder or a bucket, or what that lacks."""
    source, target = Release.open(arguments.release), arguments.target
    copied = _to_bucket(source, target) if target.startswith("s3://") else mirror(source, Path(target))
    text = f"{source.name} {source.version}: {len(copied)} files copied to {target}, the others were there"
    Terminal().print(text, markup=False, highlight=False, soft_wrap=True)
    return DONE


def _to_bucket(source: Release, address: str) -> list[str]:
    from evaluation.exchange.bucket import mirror_to_bucket  # boto3: half a second that the other commands do not wait

    return mirror_to_bucket(source, address)


def look_for(arguments: argparse.Namespace) -> int:
    """Say whether a corpus holds a release; exit status 1 where it does."""
    release = Release.open(arguments.release)
    found = contamination(release, arguments.corpus, arguments.words)
    if arguments.json:
        write_atomic(arguments.json, [json_bytes(found.__dict__)])
    out = Terminal()
    for place in found.canary[:LISTED]:
        out.print(f"{place}: the canary", markup=False, highlight=False, soft_wrap=True)
    for name, place in list(found.items.items())[:LISTED]:
        out.print(f"{place}: {name}", markup=False, highlight=False, soft_wrap=True)
    out.print(
        f"{len(found.canary)} places of the canary; {len(found.items)} of {found.searched} items of test found by "
        f"{arguments.words} words in a row, {found.too_short} are too short to be looked for",
        highlight=False,
        soft_wrap=True,
    )
    return FOUND if found.canary or found.items else DONE
