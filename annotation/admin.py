"""Every table of the collecting side, for operators. Money and answers are read-only here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from annotation import models
from annotation.crowd.workers import blocks


class ReadOnly(admin.ModelAdmin):
    """Rows that only the platform's own rules may write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.Video)
class VideoAdmin(admin.ModelAdmin):
    list_display = ["public_id", "title", "duration", "state", "licence"]
    list_filter = ["state"]
    search_fields = ["public_id", "title"]
    readonly_fields = ["sha256", "duration", "fps", "width", "height", "state", "error", "notes", "progress"]
    exclude = ["claimed_by", "heartbeat", "attempt"]


@admin.register(models.SubtitleTrack)
class SubtitleTrackAdmin(ReadOnly):
    list_display = ["video", "name", "form", "automatic", "english_share", "imported_at"]
    list_filter = ["automatic", "form"]
    search_fields = ["video__public_id"]


@admin.register(models.AnnotationImport)
class AnnotationImportAdmin(ReadOnly):
    list_display = ["name", "form", "state", "licence", "created_by", "created_at"]
    list_filter = ["form", "state"]


@admin.register(models.FeatureSet)
class FeatureSetAdmin(ReadOnly):
    """Made and watched on the site's own page; here one that nobody wants is deleted. Releases keep their copies."""

    list_display = ["name", "encoder", "interval_s", "error", "created_by"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(models.Transcription)
class TranscriptionAdmin(ReadOnly):
    list_display = ["video", "state", "progress", "language", "error"]
    list_filter = ["state"]
    search_fields = ["video__public_id"]


@admin.register(models.Worker)
class WorkerAdmin(admin.ModelAdmin):
    list_display = ["worker_id", "environment", "group", "blocked"]
    list_filter = ["environment", "group", "blocked"]
    search_fields = ["worker_id"]
    fields = ["environment", "worker_id", "group", "blocked", "block_reason", "blocked_at", "blocked_there"]
    readonly_fields = ["environment", "worker_id", "group", "blocked_at", "blocked_there"]

    def save_model(self, request: HttpRequest, obj: models.Worker, form: Any, change: bool) -> None:
        """By the one way in which workers are blocked, so that the marketplace hears of it."""
        blocks.set_blocked(obj.pk, blocked=obj.blocked, reason=obj.block_reason)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(models.Assignment)
class AssignmentAdmin(ReadOnly):
    list_display = ["assignment_id", "worker", "hit", "state", "used", "submitted_at"]
    list_filter = ["state", "used", "batch"]
    search_fields = ["assignment_id", "worker__worker_id"]


@admin.register(models.ReviewEvent)
class ReviewEventAdmin(ReadOnly):
    list_display = ["at", "user", "act", "assignment", "reason"]
    list_filter = ["act", "user"]
    search_fields = ["assignment__assignment_id"]


@admin.register(models.LedgerEntry)
class LedgerAdmin(ReadOnly):
    list_display = ["created_at", "batch", "kind", "amount", "assignment"]
    list_filter = ["kind", "batch"]


@admin.register(models.Finding)
class FindingAdmin(ReadOnly):
    """What reconciling left for people. Whoever has seen to a line deletes it."""

    list_display = ["found_at", "environment", "batch", "subject", "text"]
    list_filter = ["environment", "batch"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("annotation.delete_finding"))


@admin.register(models.Reconciliation)
class ReconciliationAdmin(ReadOnly):
    list_display = ["created_at", "environment", "state", "checked", "mended", "error"]


for model in (
    models.Batch,
    models.BlindCheck,
    models.Bonus,
    models.Message,
    models.Clip,
    models.Hit,
    models.Segment,
    models.Query,
    models.Question,
    models.Receipt,
    models.Validation,
):
    admin.site.register(model, ReadOnly)
