"""What annotators watch: videos, the clips of at most 60 s cut from them, and what is said in them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from benchmark_site.jobs.leases import MAX_ATTEMPTS, Leased

MAX_CLIP_S = 60.0
HIDDEN_SPLIT = "test"  # whose truth releases withhold


class Video(Leased):
    """A video file, or a video known only by the name that imported annotations give it (then without a file).

    One worker at a time ingests it; a retry by a person starts counting attempts anew.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be ingested"
        READY = "ready", "ready"
        FAILED = "failed", "failed"

    public_id = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"^[\w-]+$", "letters, digits, _ and - only")],
        help_text="names the video in releases, for ever",
    )
    title = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=500, blank=True, help_text="where it comes from")
    licence = models.CharField(max_length=200, blank=True)
    language = models.CharField(
        max_length=35,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", "a language tag such as en or pt-BR")],
        help_text="what is spoken, as a language tag: en, pt-BR",
    )
    tags = ArrayField(
        models.SlugField(max_length=50),
        default=list,
        blank=True,
        help_text="words by which batches choose videos, separated by commas",
    )
    file = models.FileField(upload_to="videos/", blank=True)
    sha256 = models.CharField(max_length=64, unique=True, null=True, blank=True)
    duration = models.FloatField(null=True, blank=True, help_text="seconds")
    fps = models.FloatField(null=True, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    error = models.TextField(blank=True, help_text="why it is not ready")
    notes = models.TextField(blank=True, help_text="what was wrong with the file, and how it was taken all the same")
    progress = models.FloatField(default=0.0, help_text="share of the ingest that is done")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["public_id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(file="") | (Q(sha256__isnull=False) & Q(duration__gt=0)),
                name="video_ready_is_measured",
                violation_error_message="a ready video with a file has its hash and duration",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="video_failed_has_reason"),
            models.CheckConstraint(condition=Q(progress__gte=0, progress__lte=1), name="video_progress_is_a_share"),
        ]

    def __str__(self) -> str:
        return self.title or self.public_id

    @staticmethod
    def is_hidden(path: str = "") -> Q:
        """In the hidden split of the releases, by their ledger; `path` leads to the video, as in `clip__video__`."""
        return Q(**{f"{path}split__split": HIDDEN_SPLIT})

    @staticmethod
    def unfinished() -> Q:
        return Q(state="waiting") & ~Q(file="")

    def give_up(self) -> None:
        self.state, self.error = self.State.FAILED, f"its worker died {MAX_ATTEMPTS} times, the last one without a word"
        self.save(update_fields=["state", "error"])


class Clip(models.Model):
    """A window of a video, the unit that annotators see. Times in seconds of the video."""

    video = models.ForeignKey(Video, on_delete=models.PROTECT, related_name="clips")
    start = models.FloatField()
    end = models.FloatField()
    imported = models.BooleanField(default=False, help_text="kept at the length its source gave it")
    file = models.FileField(upload_to="clips/", blank=True)
    silent = models.FileField(upload_to="clips/", blank=True, help_text="the file without its sound")
    poster = models.FileField(upload_to="stills/", blank=True)
    strip = models.FileField(upload_to="stills/", blank=True, help_text="a thumbnail of every third second")
    looks = ArrayField(
        models.BigIntegerField(),
        default=list,
        blank=True,
        editable=False,
        help_text="perceptual hash of each of these thumbnails; 0: nothing to be known by",
    )
    waveform = models.FileField(upload_to="stills/", blank=True, help_text="how loud it is, drawn; empty: no sound")
    features = models.FileField(upload_to="features/", blank=True, help_text="safetensors: features [frames, dim]")
    features_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["video__public_id", "start"]
        constraints = [
            models.UniqueConstraint(fields=["video", "start", "end"], name="clip_window_once"),
            models.CheckConstraint(condition=Q(start__gte=0) & Q(start__lt=F("end")), name="clip_start_before_end"),
            models.CheckConstraint(
                condition=Q(imported=True) | Q(end__lte=F("start") + MAX_CLIP_S), name="clip_at_most_60_s"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """`vid_name` of the release format: `{video}_{start}_{end}`."""
        return f"{self.video.public_id}_{self.start:g}_{self.end:g}"

    @property
    def duration(self) -> float:
        return self.end - self.start

    @property
    def hidden(self) -> bool:
        """Whether its video is in the hidden split of the releases."""
        placed = getattr(self.video, "split", None)
        return placed is not None and placed.split == HIDDEN_SPLIT

    def subtitles(self) -> list[dict[str, float | str]]:
        """Sentences heard in this clip: `{"text", "start", "end"}`, seconds relative to the clip."""
        rows = self.video.subtitles.filter(end__gt=self.start, start__lt=self.end)
        return [
            {
                "text": row.text,
                "start": round(max(row.start - self.start, 0.0), 3),
                "end": round(min(row.end - self.start, self.duration), 3),
            }
            for row in rows
        ]


class Subtitle(models.Model):
    """A sentence said in a video. Times in seconds of the video."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="subtitles")
    start = models.FloatField()
    end = models.FloatField()
    text = models.TextField()

    class Meta:
        ordering = ["video", "start", "end", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(start__gte=0) & Q(start__lt=F("end")), name="subtitle_start_before_end"),
        ]

    def __str__(self) -> str:
        return self.text[:60]
