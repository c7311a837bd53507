"""A release: how far its build is, what it was asked for, what was measured of it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from pathlib import Path

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from benchmark_site.jobs.leases import MAX_ATTEMPTS, Leased
from benchmark_site.releases.item_query import validate_item_query

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
# https://semver.org without build metadata: two releases that differ only there would have the same precedence.
_NUMBER = r"(0|[1-9][0-9]*)"
_LABEL = r"(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
VERSION = rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_LABEL}(\.{_LABEL})*)?$"
SHA256 = r"^[0-9a-f]{64}$"
SPDX = r"^[A-Za-z0-9][A-Za-z0-9.+-]*$"
WAIVABLE = ("B5",)
"""Faults of a release that somebody may answer for by name; the others would make it one that cannot be scored."""
MAX_SEED = 2**31 - 1
MOST_SET_ASIDE = 50  # per cent
USUAL_SET_ASIDE = 20  # per cent: models trained on a file made apart stay under .40 (docs/adversarial.md)


def refuse_once_frozen(release_ids: str) -> pgtrigger.Trigger:
    """A trigger that refuses rows of a frozen release; `release_ids` selects the ids from OLD and NEW.

    The lock waits for a transaction that is freezing the release just now, so that nothing slips in beside it.
    """
    return pgtrigger.Trigger(
        name="refuse_once_frozen",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func=f"""
            PERFORM 1 FROM releases_release WHERE id IN ({release_ids}) FOR SHARE;
            IF EXISTS (SELECT 1 FROM releases_release WHERE id IN ({release_ids}) AND state = 'frozen') THEN
                RAISE EXCEPTION 'the release is frozen: % of % refused', TG_OP, TG_TABLE_NAME
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,  # noqa: S608 (no input reaches it: the callers below pass column names)
    )


def draw_seal() -> str:
    """256 random bits in hexadecimal: what keeps the hash of a hidden truth from being tried out."""
    return secrets.token_hex(32)


class Release(Leased):
    """A version of a benchmark, built from everything accepted so far and then frozen."""

    class Hidden(models.TextChoices):
        """How the hidden split is cut (docs/release_format.md)."""

        SEALED = "sealed", "sealed: a hidden clip serves one task"
        SHARED = "shared", "shared: hidden clips serve both tasks"

    class OptionCount(models.IntegerChoices):
        """How many answers a question has to choose from: as in How2QA and the crowd's own, or as in TVQA."""

        FOUR = 4, "four"
        FIVE = 5, "five"

    class State(models.TextChoices):
        BUILDING = "building", "being built"
        FROZEN = "frozen", "frozen"
        FAILED = "failed", "failed"

    class Step(models.TextChoices):
        """What a build does next. Every step commits whole, so a build that was killed goes on with this one."""

        COLLECT = "collect", "check, split and snapshot the accepted items"
        MATCH = "match", "match negatives"
        AUDIT = "audit", "write the files and look for leaks"
        WRITE = "write", "write the card and freeze"
        DONE = "done", "done"

    slug = models.CharField(
        max_length=40, validators=[RegexValidator(SLUG, "small letters, digits and single dashes only, as in how2r")]
    )
    version = models.CharField(
        max_length=40, validators=[RegexValidator(VERSION, "a semantic version is expected, as in 1.0.0")]
    )
    seed = models.PositiveIntegerField(
        default=0, validators=[MaxValueValidator(MAX_SEED)], help_text="draws the matching"
    )
    hidden = models.CharField(max_length=6, choices=Hidden, default=Hidden.SEALED)
    option_count = models.PositiveSmallIntegerField(
        "options of a question",
        choices=OptionCount,
        default=OptionCount.FOUR,
        help_text="the crowd's questions and How2QA's have four, TVQA's five; those with another number are left out",
    )
    new_negatives = models.BooleanField(
        "all wrong answers are new",
        default=False,
        help_text="each is the right answer of another question where one fits, for questions whose own wrong answers "
        "are not wanted; otherwise one a question on average",
    )
    set_aside = models.PositiveSmallIntegerField(
        "questions set aside, per cent",
        default=0,
        validators=[MaxValueValidator(MOST_SET_ASIDE)],
        help_text="of the new questions of each split, those that models answer most surely without the video",
    )
    only_licences = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="of the videos; empty: whatever theirs is",
    )
    only_batches = ArrayField(
        models.PositiveBigIntegerField(),
        default=list,
        blank=True,
        help_text="whose answers it takes; empty: all, and what was imported",
    )
    only_tag = models.CharField(max_length=50, blank=True, help_text="that its videos carry; empty: any")
    only_items = models.CharField(
        max_length=300,
        blank=True,
        validators=[validate_item_query],
        help_text="words of their text, as in a web search, and task:moment, task:qa, type:v, seconds:5-30; empty: all",
    )
    copies_on_one_side = models.BooleanField(
        "films that show the same stay in one split",
        default=True,
        help_text="copies that were scaled, coded again, cut or framed are known by their pictures",
    )
    annotators_on_one_side = models.BooleanField(
        "all that an annotator wrote stays in one split",
        default=False,
        help_text="for crowds in which each annotator wrote for few videos: all that is linked goes together",
    )
    test_halves = models.BooleanField(
        "test in two halves by video (80/10/5/5)",
        default=False,
        help_text="a board whose public part is 50 % then has one half as its private part; nobody is told which",
    )
    seal = models.CharField(
        max_length=64,
        default=draw_seal,
        editable=False,
        validators=[RegexValidator(SHA256)],
        help_text="nonce of the held-out manifest; as secret as the truth",
    )
    description = models.TextField(blank=True, help_text="what it is, in three sentences")
    authors = models.TextField(blank=True, help_text="one a line, as “Family, Given”")
    licence = models.CharField(
        max_length=100,
        blank=True,
        validators=[RegexValidator(SPDX, "an SPDX identifier is expected, as in CC-BY-4.0")],
        help_text="of queries, questions and answers: an SPDX identifier, as in CC-BY-4.0; each video keeps its own",
    )
    state = models.CharField(max_length=8, choices=State, default=State.BUILDING)
    step = models.CharField(max_length=7, choices=Step, default=Step.COLLECT)
    reason = models.TextField(blank=True, help_text="why it failed, or what stopped the last attempt")
    claimed_by = models.CharField(max_length=32, blank=True, help_text="token of the worker that builds it")
    quality = models.JSONField(default=list, blank=True, help_text="quality gate: one row per check")
    matching = models.JSONField(default=dict, blank=True, help_text="report of the matching")
    blind = models.JSONField(default=dict, blank=True, help_text="audit by blind adversaries: before, after")
    frozen_before = models.PositiveIntegerField(
        default=0, help_text="frozen releases at the time of the snapshot, whose hidden items it follows"
    )
    feature_sets = models.JSONField(
        default=list, blank=True, help_text="names of the sets that had described every clip at the snapshot"
    )
    leaks = models.JSONField(default=dict, blank=True, help_text="audit of the whole release by attacks on its files")
    sha256 = models.CharField(max_length=64, blank=True, help_text="of MANIFEST.json: the release hash")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    frozen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["slug", "version"],
                name="release_version_once",
                violation_error_message="this version exists already; choose the next one",
            ),
            models.CheckConstraint(condition=Q(slug__regex=SLUG), name="release_slug_form"),
            models.CheckConstraint(condition=Q(version__regex=VERSION), name="release_version_form"),
            models.CheckConstraint(condition=Q(hidden__in=["sealed", "shared"]), name="release_hidden_is_known"),
            models.CheckConstraint(condition=Q(option_count__in=[4, 5]), name="release_option_count_is_known"),
            models.CheckConstraint(condition=Q(set_aside__lte=MOST_SET_ASIDE), name="release_set_aside_leaves_half"),
            models.CheckConstraint(condition=Q(seal__regex=SHA256), name="release_seal_form"),
            models.CheckConstraint(
                condition=~Q(state="frozen")
                | Q(sha256__regex=SHA256, frozen_at__isnull=False, step="done", claimed_by=""),
                name="release_frozen_has_hash",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(reason=""), name="release_failed_has_reason"),
            models.CheckConstraint(
                condition=Q(claimed_by="") | Q(heartbeat__isnull=False), name="release_claim_has_heartbeat"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="refuse_once_frozen",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__state="frozen"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.slug} {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("release", args=[self.slug, self.version])

    @staticmethod
    def unfinished() -> Q:
        return Q(state=Release.State.BUILDING)

    def give_up(self) -> None:
        self.state, self.claimed_by = Release.State.FAILED, ""
        self.reason = f"{MAX_ATTEMPTS} attempts ended without a word: the worker was killed each time (out of memory?)"
        self.save(update_fields=["state", "claimed_by", "reason"])

    @property
    def canary(self) -> str:
        """A text that stands nowhere else: who finds it in a corpus knows that the release is in it."""
        drawn = uuid.uuid5(uuid.NAMESPACE_OID, f"canary\n{self.seal}")  # the seal stays secret: it has 256 bits
        return f"HERO BENCH CANARY {self.folder_name} {drawn}"

    @property
    def replaced(self) -> int:
        """Written wrong answers of a question that are matched anew, on average (one in the paper, section 4.2)."""
        return self.option_count - 1 if self.new_negatives else 1

    @property
    def folder_name(self) -> str:
        return f"{self.slug}-{self.version}"

    def leaking(self) -> list[str]:
        """The attacks that keep it from being frozen: those that the audit convicts and nobody has answered for."""
        return self._unanswered(self.leaks.get("blocked", []))

    def stopped_by(self) -> list[str]:
        """What keeps it from being frozen and may be answered for by name: leaks, and some checks of the gate."""
        checks = [row["id"] for row in self.quality if row["id"] in WAIVABLE and row["n"]]
        return self._unanswered(checks) + self.leaking()

    def _unanswered(self, faults: Iterable[str]) -> list[str]:
        waived = set(self.waivers.values_list("attack", flat=True))
        return [fault for fault in faults if fault not in waived]

    @property
    def folder(self) -> Path:
        """The release directory; it exists once the release is frozen."""
        return Path(settings.MEDIA_ROOT) / "releases" / self.folder_name
