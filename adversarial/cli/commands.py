"""The commands: arguments in, files and a few lines out. Each returns the exit status; what it needs is loaded then."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from adversarial.cli.progress_bar import ProgressBar
from adversarial.cli.tables import accuracy_lines, leak_lines
from adversarial.data.errors import ItemError
from adversarial.data.item_files import read_items, write_items
from adversarial.data.paths import check_paths, writable, write_output
from adversarial.text.language import FEWEST

KEY_BYTES = 16, 4096


def match(options: argparse.Namespace) -> int:
    """Replace written negatives by matched ones."""
    from adversarial.negatives.adversarial_filtering import filter_adversarially
    from adversarial.negatives.pipeline import ItemMatcher
    from adversarial.negatives.set_aside import match_hardest
    from adversarial.negatives.settings import MatchSettings
    from adversarial.negatives.shard_files import match_file

    if sum((bool(options.work), options.rounds > 1, options.drop > 0)) > 1:
        raise ItemError("--work, --rounds and --drop each match in their own way: give one of them")
    settings = MatchSettings(
        replace=options.replace,
        seed=options.seed,
        lam=options.lam,
        model=options.model,
        order_key=_order_key(options.order_key_file),
    )
    check_paths(options.input, [options.output] + ([options.report] if options.report else []))
    with ProgressBar() as bar:
        if options.work:
            report = match_file(options.input, options.output, options.work, settings, options.max_fold, bar.show)
        else:
            items = read_items(options.input, settings.replace)
            if options.rounds > 1:
                output, report = filter_adversarially(
                    items,
                    settings,
                    rounds=options.rounds,
                    stop=options.stop,
                    max_fold=options.max_fold,
                    progress=bar.show,
                )
            elif options.drop:
                output, report = match_hardest(
                    items, settings, drop=options.drop, max_fold=options.max_fold, progress=bar.show
                )
            else:
                output, report = ItemMatcher(items, settings, options.max_fold).match(settings, bar.show)
            write_items(options.output, output)
    _write_report(options.report, report)
    print(
        f"{report['replaced']} negatives in {report['n']} questions, {report['fallbacks']} without one; "
        f"value {report['value']:.6f}, upper bound {report['upper_bound']:.6f}, "
        f"certified gap {report['certified_gap']:.1e} nats per question"
    )
    if options.drop:
        print(f"{len(report['set_aside'])} questions set aside: models guess them most surely without the video")
    if report["english"] < FEWEST:
        print(
            f"only {report['english']:.0%} of the questions look English: types, habits and equal answers in "
            "other words are not seen, so wrong options may be right; name a multilingual model with --model",
            file=sys.stderr,
        )
    if not settings.order_key:
        print("without --order-key-file: whoever knows seed and ids can draw the places of the right answers again")
    return 0


def _order_key(path: Path | None) -> str:
    if path is None:
        return ""
    key = path.read_bytes()[: KEY_BYTES[1] + 1]
    if not KEY_BYTES[0] <= len(key) <= KEY_BYTES[1]:
        raise ItemError(f"{path}: expected {KEY_BYTES[0]} to {KEY_BYTES[1]} bytes of a secret, got {len(key)} or more")
    return key.hex()


def audit(options: argparse.Namespace) -> int:
    """Answer the questions without the video."""
    from adversarial.audit.report import blind_report

    check_paths(options.input, [options.report] if options.report else [])
    items = read_items(options.input)
    with ProgressBar() as bar:
        report = blind_report(items, seed=options.seed, encoder=options.encoder, progress=bar.show)
    _write_report(options.report, report)
    print("\n".join(accuracy_lines(report)))
    print(f"{'chance':<16} {report['chance']:.3f}  strongest: {report['strongest']}")
    if report["lent_auc"] is not None:
        print(f"lent answers told from right ones: AUC {report['lent_auc']:.3f} (0.5: not at all)")
    rewrite = sum(entry["rewrite"] for entry in report["easiest"])
    print(f"{rewrite} items to rewrite or remove, {len(report['suspects'])} wrong options that may be right")
    return 0


def drop_predictable(options: argparse.Namespace) -> int:
    """Leave out the share of items that models without the video answer most surely."""
    from adversarial.audit.report import blind_report
    from adversarial.negatives.set_aside import most_predictable

    check_paths(options.input, [options.output] + ([options.report] if options.report else []))
    items = read_items(options.input)
    with ProgressBar() as bar:
        report = blind_report(items, seed=options.seed, before=False, progress=bar.show)
    sure = report["difficulty"]
    gone = set(most_predictable(items, {item.qid: sure[str(item.qid)] for item in items}, options.drop))
    write_items(options.output, [item for item in items if item.qid not in gone])
    _write_report(options.report, {"dropped": sorted(map(str, gone)), "difficulty": sure})
    print(
        f"{len(gone)} of {len(items)} items left out; the surest of those kept: "
        f"{max((sure[str(item.qid)] for item in items if item.qid not in gone), default=0):.3f}"
    )
    return 0


def leaks(options: argparse.Namespace) -> int:
    """Attack the hidden truth of a release; status 1 where an attack succeeds."""
    from adversarial.leaks.audit import audit_release

    if options.report:
        writable(options.report)
    with ProgressBar() as bar:
        report = audit_release(options.release, seed=options.seed, progress=bar.show)
    _write_report(options.report, report)
    print("\n".join(leak_lines(report, whole=options.all)))
    return 1 if report["blocked"] else 0


def _write_report(path: Path | None, report: dict[str, Any]) -> None:
    if path:
        write_output(path, [json.dumps(report, indent=1, ensure_ascii=False).encode(), b"\n"])
