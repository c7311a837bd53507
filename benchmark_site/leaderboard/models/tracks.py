"""What can be submitted to: one task on one split of one release."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from benchmark_site.leaderboard.models.choices import CardColumn, FilesKept, PublicPart, Reveal, Split, Task
from benchmark_site.leaderboard.text import plain_text
from benchmark_site.releases.models import Item, Release
from evaluation.metrics import definitions

# An upload that began in time counts, and takes no longer: what began longer ago counts from then on. Else it would be
# a seat kept for later predictions. `benchmark_site.server` hangs up after as long.
LONGEST_UPLOAD = timedelta(hours=6)


def new_secret() -> str:
    """What decides which items are in the public part of a track."""
    return secrets.token_hex(32)


# A board ranks the larger value first, so a median rank cannot lead it.
METRICS = {task: definitions.percentage_keys(task) for task in Task}


def primary_metrics() -> list[tuple[str, list[tuple[str, str]]]]:
    """The evaluator's own names, by task, for a form's choice."""
    return [(str(task.label), [(key, key) for key in keys]) for task, keys in METRICS.items()]


class Track(models.Model):
    """One task on one split of a frozen release, with its own dates and limits."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="tracks")
    task = models.CharField(max_length=6, choices=Task)
    split = models.CharField(max_length=4, choices=Split)
    opens_at = models.DateTimeField(default=timezone.now)
    closes_at = models.DateTimeField(null=True, blank=True, help_text="empty: stays open")
    per_day = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1)], help_text="submissions of a person, over all teams, in any 24 hours"
    )
    total = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1)], help_text="submissions of a person, over all teams"
    )
    primary_metric = models.CharField(max_length=64, choices=primary_metrics, help_text="ranks the board")
    reveal = models.CharField(
        max_length=7,
        choices=Reveal,
        default=Reveal.PRIMARY,
        help_text="what is shown of a scoring where the truth is hidden, always rounded; "
        "a split whose truth is public shows everything",
    )
    metric_columns = ArrayField(
        models.CharField(max_length=64), blank=True, default=list, help_text="in this order; empty: the usual ones"
    )
    card_columns = ArrayField(
        models.CharField(max_length=13, choices=CardColumn), blank=True, default=list, help_text="of the method card"
    )
    team_per_day = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="submissions of a team in any 24 hours; empty: as its people may",
    )
    team_total = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="submissions of a team; empty: as above"
    )
    public_percent = models.PositiveSmallIntegerField(
        choices=PublicPart,
        default=PublicPart.ALL,
        help_text="what the board is made of until the reveal; the private part decides then",
    )
    finals = models.PositiveSmallIntegerField(
        default=2,
        choices=[(n, str(n)) for n in (1, 2, 3, 5)],
        help_text="submissions of a team that the private part is looked up for; a team that chooses none has its best",
    )
    reveals_at = models.DateTimeField(
        null=True, blank=True, help_text="when the private part decides; until then finals may be chosen"
    )
    decided_at = models.DateTimeField(
        null=True, editable=False, help_text="when it was written down which submissions the private part decides by"
    )
    human_value = models.FloatField(
        null=True, blank=True, help_text="what people reach by the primary metric, in percent: drawn beside the rows"
    )
    human_note = models.CharField(max_length=200, blank=True, validators=[plain_text], help_text="in a few words")
    part_secret = models.CharField(max_length=64, default=new_secret, editable=False)
    late_entries = models.BooleanField(
        default=False, help_text="submissions after the end are taken, and stand on a board of their own"
    )
    files_kept_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        choices=FilesKept,
        help_text="then they are deleted; hashes, scores and reports stay",
    )
    needs_approval = models.BooleanField(
        default=False, help_text="everybody in a team must have been let in by an organiser before it submits"
    )

    class Meta:
        ordering = ["-release_id", "task", "-split"]
        constraints = [
            models.UniqueConstraint(fields=["release", "task", "split"], name="track_once"),
            models.CheckConstraint(condition=Q(task__in=Task.values), name="track_task_is_known"),
            models.CheckConstraint(condition=Q(split__in=Split.values), name="track_split_is_known"),
            models.CheckConstraint(condition=Q(reveal__in=Reveal.values), name="track_reveal_is_known"),
            # Under a name that the evaluator does not write, nobody would have a rank.
            models.CheckConstraint(
                condition=Q(task=Task.MOMENT, primary_metric__in=METRICS[Task.MOMENT])
                | Q(task=Task.QA, primary_metric__in=METRICS[Task.QA]),
                name="track_primary_metric_is_one_of_its_task",
            ),
            models.CheckConstraint(
                condition=Q(task=Task.MOMENT, metric_columns__contained_by=METRICS[Task.MOMENT])
                | Q(task=Task.QA, metric_columns__contained_by=METRICS[Task.QA]),
                name="track_columns_are_metrics_of_its_task",
            ),
            models.CheckConstraint(
                condition=Q(card_columns__contained_by=CardColumn.values), name="track_card_columns_are_known"
            ),
            models.CheckConstraint(condition=Q(per_day__gte=1, total__gte=1), name="track_limits_are_positive"),
            models.CheckConstraint(
                condition=Q(human_value__isnull=True) | Q(human_value__gte=0, human_value__lte=100),
                name="track_human_value_is_percent",
            ),
            models.CheckConstraint(
                condition=Q(closes_at__isnull=True) | Q(closes_at__gt=F("opens_at")), name="track_closes_after_it_opens"
            ),
            models.CheckConstraint(
                condition=Q(public_percent=PublicPart.ALL, reveals_at__isnull=True)
                | Q(
                    public_percent__in=[PublicPart.HALF, PublicPart.THIRD, PublicPart.FIFTH],
                    split=Split.TEST,
                    closes_at__isnull=False,
                    reveals_at__isnull=False,
                    # By then nothing is on its way any more that counts as sent in time.
                    reveals_at__gte=F("closes_at") + LONGEST_UPLOAD,
                ),
                name="track_private_part_is_revealed_after_the_end",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True) | Q(reveals_at__isnull=False, decided_at__gte=F("reveals_at")),
                name="track_is_decided_after_its_reveal",
            ),
            models.CheckConstraint(
                condition=Q(files_kept_days__isnull=True)
                | Q(files_kept_days__in=FilesKept.values, closes_at__isnull=False),
                name="track_files_are_kept_from_an_end_on",
            ),
            models.CheckConstraint(
                condition=(Q(team_per_day__isnull=True) | Q(team_per_day__gte=1))
                & (Q(team_total__isnull=True) | Q(team_total__gte=1))
                & Q(finals__gte=1),
                name="track_team_limits_are_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release.slug} {self.release.version} · {self.get_task_display()} · {self.split}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it, and have its family keep the same part: two boards side by side would tell else.

        Raises ValidationError where one of them cannot.
        """
        with transaction.atomic():
            if self._state.adding:
                self._join_family()
            followers = [one.pk for one in self._followers()]
            super().save(*args, **kwargs)
            Track.objects.filter(pk__in=followers).update(
                part_secret=self.part_secret, public_percent=self.public_percent, reveals_at=self.reveals_at
            )

    def get_absolute_url(self) -> str:
        return reverse("board", args=self.url_args)

    def clean(self) -> None:
        """Raise ValidationError where the primary metric is not one of the task: a form may leave the task out.

        And where a private part has no reveal, no end before it, or is no hidden split's; and where a board of the same
        hidden items would tell of it.
        """
        self._check_parts()
        self._followers()
        if self.files_kept_days and not self.closes_at:
            raise ValidationError({"files_kept_days": "files are kept from the end on: expected when the track closes"})
        if self.task in METRICS and self.primary_metric not in METRICS[Task(self.task)]:
            names = f"{len(METRICS[Task(self.task)])} metrics of {Task(self.task).label}"
            raise ValidationError({"primary_metric": f"{self.primary_metric!r} is not one of the {names}"})

    def _check_parts(self) -> None:
        if not self.has_private_part:
            if self.reveals_at:
                raise ValidationError({"reveals_at": "leave it empty: there is no private part"})
            return
        if not self.hides_truth:
            raise ValidationError({"public_percent": f"the truth of {self.split} is public: it has no private part"})
        if not self.closes_at:
            raise ValidationError({"closes_at": "a private part decides after the end: expected the end"})
        if not self.reveals_at or self.reveals_at < self.closes_at + LONGEST_UPLOAD:
            hours = LONGEST_UPLOAD // timedelta(hours=1)
            raise ValidationError(
                {"reveals_at": f"expected a time at least {hours} hours after the end: so long an upload may take"}
            )

    @property
    def path(self) -> str:
        """How commands and the API name it: `demo/1.0.0/moment/val`."""
        return "/".join(self.url_args)

    @property
    def url_args(self) -> list[str]:
        return [self.release.slug, self.release.version, self.task, self.split]

    def kin(self) -> models.QuerySet[Track]:
        """The tracks whose scores tell of this one's truth.

        Itself and, where that is hidden, those that publish one of its items in another version or another benchmark.
        """
        hidden = Item.objects.filter(kind=self.task, split=self.split, published=True)
        mine = hidden.filter(release=self.release_id).values("public_id")
        releases = hidden.filter(public_id__in=mine).values("release") if self.hides_truth else ()
        return Track.objects.filter(Q(pk=self.pk) | Q(task=self.task, split=self.split, release__in=releases))

    def family(self) -> list[Track]:
        """The other tracks that publish one of its hidden items, or an item of such a track, and so on, by age."""
        found: dict[int | None, Track] = {self.pk: self}
        newest = [self]
        while newest:
            kin = [one for track in newest for one in track.kin().select_related("release")]
            newest = [one for one in kin if one.pk not in found]
            found |= {one.pk: one for one in newest}
        return sorted((one for one in found.values() if one is not self), key=lambda one: one.pk)

    def _join_family(self) -> None:
        """An item is in the same part in every version that publishes it, and what one board keeps a new one keeps.

        Where so little time is left until the reveal that nothing could be sent, the new one opens then, without parts.
        """
        family = self.family()
        if family:
            self.part_secret = family[0].part_secret
        now = timezone.now()
        keeper = next((one for one in family if one.keeps_part(now)), None)
        if keeper is None:
            return
        assert keeper.reveals_at is not None
        self.part_secret = keeper.part_secret
        if self.has_private_part or self.opens_at >= keeper.reveals_at:
            return
        last = keeper.reveals_at - LONGEST_UPLOAD
        if self.opens_at >= last:
            self.opens_at = keeper.reveals_at
            return
        self.public_percent, self.reveals_at = keeper.public_percent, keeper.reveals_at
        closes_at = self.closes_at or keeper.closes_at
        self.closes_at = closes_at if closes_at and self.opens_at < closes_at < last else last

    def _followers(self) -> list[Track]:
        """Those of its family whose parts and reveal must change with its own.

        Raises ValidationError where one of them cannot.
        """
        now = timezone.now()
        told = [one for one in self.family() if self._is_told_by(one, now)]
        for one in told:
            if not self._is_dealt_anew() or not one._can_follow(self, now):
                raise ValidationError({"public_percent": _told(one)})
        return told

    def _is_dealt_anew(self) -> bool:
        """Whether its parts or its reveal are about to change: nothing follows a new track, or one that stays."""
        saved = Track.objects.filter(pk=self.pk).first()
        return saved is not None and (saved._dealt, saved.reveals_at) != (self._dealt, self.reveals_at)

    def _is_told_by(self, other: Track, at: datetime) -> bool:
        """Whether a file sent to both would tell its value on a part that one of them still keeps."""
        keepers = [one for one in (self, other) if one.keeps_part(at)]
        if not keepers or (self._dealt, self.reveals_at) == (other._dealt, other.reveals_at):
            return False
        if len(keepers) == 2:
            return True
        keeper, teller = (self, other) if keepers[0] is self else (other, self)
        assert keeper.reveals_at is not None
        same = teller.is_revealed(at) and teller._dealt == keeper._dealt
        return not teller._is_shut(at) and not same and teller.opens_at < keeper.reveals_at

    def _can_follow(self, other: Track, at: datetime) -> bool:
        """Whether it can take the parts and the reveal of another: what was scored was dealt by the share of then."""
        if self.is_revealed(at) or (self._dealt != other._dealt and self.submissions.filter(dry_run=False).exists()):
            return False
        if self._by_video(other.public_percent) != other.parts_by_video:
            return False
        if other.reveals_at is None:
            return True
        return self.closes_at is not None and self.closes_at + LONGEST_UPLOAD <= other.reveals_at

    @property
    def _dealt(self) -> tuple[str, int, bool]:
        """What decides in which part an item is."""
        return self.part_secret, self.public_percent, self.parts_by_video

    @property
    def parts_by_video(self) -> bool:
        """Whether its parts are the halves of its release, else drawn item by item."""
        return self._by_video(self.public_percent)

    def _by_video(self, percent: int) -> bool:
        return percent == PublicPart.HALF and self.release.test_halves

    @property
    def hides_truth(self) -> bool:
        """Whether its truth is withheld: results are then shown rounded, and no more of them than `reveal` says."""
        return self.split == Split.TEST

    def shows(self, key: str) -> bool:
        """Whether participants see the metric `key` at all."""
        if not self.hides_truth or key == self.primary_metric:
            return True
        return self.reveal != Reveal.PRIMARY and key in METRICS[Task(self.task)]

    @property
    def has_private_part(self) -> bool:
        """Whether the board is made of a part of the split until the reveal."""
        return self.public_percent != PublicPart.ALL

    def keeps_part(self, at: datetime) -> bool:
        """Whether there is a part that nobody may be told of yet."""
        return self.has_private_part and not self.is_revealed(at)

    def is_revealed(self, at: datetime) -> bool:
        """Whether the private part has decided."""
        return self.has_private_part and self.reveals_at is not None and self.reveals_at <= at

    def next_event(self, at: datetime) -> tuple[str, datetime] | None:
        """What happens next, and when: for a countdown."""
        reveals_at = self.reveals_at if self.has_private_part else None
        dates = (("opens", self.opens_at), ("closes", self.closes_at), ("is decided by the private part", reveals_at))
        return next(((word, moment) for word, moment in dates if moment and moment > at), None)

    def tells_groups(self, at: datetime) -> bool:
        """Whether the exact paired tests that make its groups may be told.

        Not of a hidden split as long as something can be sent that is scored by one of its items, here or on its kin:
        a group would be one more thing that a try can learn.
        """
        return not self.hides_truth or (self._is_over(at) and all(one._is_over(at) for one in self.kin()))

    def _is_over(self, at: datetime) -> bool:
        return self._is_shut(at) and (not self.has_private_part or self.is_revealed(at))

    def _is_shut(self, at: datetime) -> bool:
        """Whether nothing is taken any more: neither what is sent now, late or not, nor what is on its way."""
        return self.closes_at is not None and self.closes_at + LONGEST_UPLOAD <= at and not self.late_entries

    def takes(self, began: datetime) -> bool:
        """Whether a submission whose upload began then is taken: in time, or late where late ones are."""
        return self.is_open(began) or (self.late_entries and began >= self.opens_at)

    def state(self, at: datetime) -> str:
        """In words, with the date that it turns on."""
        if at < self.opens_at:
            return f"opens {self.opens_at:%Y-%m-%d %H:%M} UTC"
        if self.closes_at is None:
            return "open"
        return f"{'open until' if at < self.closes_at else 'closed since'} {self.closes_at:%Y-%m-%d %H:%M} UTC"

    def is_open(self, at: datetime) -> bool:
        return self.opens_at <= at and (self.closes_at is None or at < self.closes_at)


def _told(other: Track) -> str:
    part = f"{other.public_percent} % of them" if other.has_private_part else "all of them"
    reveal = f", revealed at {other.reveals_at:%Y-%m-%d %H:%M} UTC" if other.reveals_at else ""
    return (
        f"{other.path} has the same hidden items and shows {part}{reveal}: a file sent to both would tell its value on "
        "the private part. Expected the same part and reveal there, or that it is closed for six hours, without late "
        "submissions. "
        "It follows by itself as long as nothing has been sent to it, if it closes six hours before the reveal"
    )
