"""`manage.py build_release demo 1.0.0`: check, split, match, write and freeze what has been accepted."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from annotation.models import Batch
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.models import USUAL_SET_ASIDE, Release
from benchmark_site.releases.services import create_release, reset_release, waive


class Command(BaseCommand):
    help = (
        "Build a release from everything accepted so far, in this process, and freeze it. "
        "A build that was interrupted goes on where it stopped; one that failed starts anew; "
        "a version that is frozen already is left alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the benchmark: small letters, digits and dashes, as in how2r")
        parser.add_argument("version", help="semantic version, as in 1.0.0")
        parser.add_argument("--seed", type=int, default=0, help="draws the matching of negatives (default 0)")
        parser.add_argument(
            "--shared",
            action="store_true",
            help="let hidden clips serve both tasks: for a release of one task, or one too small to be sealed",
        )
        parser.add_argument(
            "--options",
            type=int,
            choices=Release.OptionCount.values,
            default=Release.OptionCount.FOUR,
            help="of a question: 4 as in How2QA, or 5 as in TVQA; those with another number are left out (default 4)",
        )
        parser.add_argument(
            "--new-negatives",
            action="store_true",
            help="let right answers of other questions stand for all wrong ones, where they fit, not for one",
        )
        parser.add_argument(
            "--set-aside",
            type=int,
            default=USUAL_SET_ASIDE,
            metavar="PERCENT",
            help="leave out so many of the new questions of each split, the most predictable without video "
            f"(default {USUAL_SET_ASIDE}; 0 keeps all)",
        )
        parser.add_argument(
            "--only-licence", action="append", default=[], metavar="SPDX", help="of the videos; may be given repeatedly"
        )
        parser.add_argument(
            "--only-batch", action="append", default=[], metavar="NAME", help="whose answers it takes; repeatedly, too"
        )
        parser.add_argument("--only-tag", default="", metavar="TAG", help="that its videos carry")
        parser.add_argument(
            "--only-items",
            default="",
            metavar="QUERY",
            help="words of their text, as in a web search, and task:moment, task:qa, type:v, seconds:5-30",
        )
        parser.add_argument(
            "--copies-apart", action="store_true", help="let films that show the same lie in different splits"
        )
        parser.add_argument(
            "--annotators-together",
            action="store_true",
            help="keep all that an annotator wrote in one split, and what is linked by several annotators, too",
        )
        parser.add_argument(
            "--test-halves",
            action="store_true",
            help="divide test by video into a public and a private half (80/10/5/5), for boards of two parts",
        )
        parser.add_argument("--licence", default="", help="of what was written: an SPDX identifier, as in CC-BY-4.0")
        parser.add_argument("--description", default="", help="what it is, in three sentences")
        parser.add_argument(
            "--author", action="append", default=[], metavar="NAME", help="“Family, Given”; may be given more than once"
        )
        parser.add_argument(
            "--waive",
            action="append",
            nargs=3,
            default=[],
            metavar=("FAULT", "USER", "REASON"),
            help="answer for a leak or a check that stopped this build, by the name of a user; may be given repeatedly",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        hidden = Release.Hidden.SHARED if options["shared"] else Release.Hidden.SEALED
        release = Release.objects.filter(slug=options["slug"], version=options["version"]).first()
        if release is None:
            try:
                release = create_release(
                    options["slug"],
                    options["version"],
                    seed=options["seed"],
                    hidden=hidden,
                    option_count=options["options"],
                    new_negatives=options["new_negatives"],
                    set_aside=options["set_aside"],
                    only_licences=options["only_licence"],
                    only_batches=[_batch(name) for name in options["only_batch"]],
                    only_tag=options["only_tag"],
                    only_items=options["only_items"],
                    copies_on_one_side=not options["copies_apart"],
                    annotators_on_one_side=options["annotators_together"],
                    test_halves=options["test_halves"],
                    licence=options["licence"],
                    description=options["description"],
                    authors="\n".join(options["author"]),
                )
            except ValidationError as error:
                raise CommandError("; ".join(error.messages), returncode=2) from error
        elif release.seed != options["seed"]:
            raise CommandError(f"{release} exists with seed {release.seed}: choose another version", returncode=2)
        elif options["shared"] and release.hidden != hidden:
            raise CommandError(f"{release} exists and is {release.hidden}: choose another version", returncode=2)
        if options["waive"]:
            self._waive(release, options["waive"])
        else:
            reset_release(release.pk)
        with Console(stderr=True).status(f"{release}: waiting") as status:
            build_release(release.pk, lambda step: status.update(f"{release}: {step.label}"))
        release.refresh_from_db()
        if release.state == Release.State.BUILDING:
            raise CommandError(f"{release} is being built by another worker just now", returncode=2)
        if release.state == Release.State.FAILED:
            raise CommandError(f"{release} failed: {release.reason}", returncode=2)
        self.stdout.write(f"{release} is frozen: {release.items.count()} items in {release.folder}")
        self.stdout.write(f"sha256 {release.sha256}")

    def _waive(self, release: Release, given: list[list[str]]) -> None:
        """Sign for leaks; the build goes on when none is left."""
        for attack, username, reason in given:
            user = get_user_model()._default_manager.filter(username=username).first()
            if user is None:
                raise CommandError(f"--waive: there is no user {username!r}", returncode=2)
            try:
                waive(release.pk, {attack: reason}, user)
            except ValidationError as error:
                raise CommandError(f"--waive: {'; '.join(error.messages)}", returncode=2) from error


def _batch(name: str) -> int:
    """Raises CommandError."""
    found = Batch.objects.filter(name=name).values_list("pk", flat=True).first()
    if found is None:
        raise CommandError(f"--only-batch: there is no batch {name!r}", returncode=2)
    return found
