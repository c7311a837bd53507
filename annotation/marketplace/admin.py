"""The host's administration: accounts and layouts can be edited, work and money can only be looked at."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from annotation.marketplace import models


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only the protocol changes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(models.Requester)
class RequesterAdmin(admin.ModelAdmin):
    """Accounts are made, and keys set, by `create_requester`; the secret is never shown."""

    list_display = ("name", "public_id", "access_key", "active", "available", "on_hold")
    fields = ("name", "public_id", "access_key", "active", "available", "on_hold")
    readonly_fields = ("public_id", "access_key", "available", "on_hold")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(models.Worker)
class WorkerAdmin(admin.ModelAdmin):
    list_display = ("public_id", "user", "country", "adult", "master", "created_at")
    search_fields = ("public_id", "user__username")
    readonly_fields = ("public_id", "user")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(models.HitLayout)
class HitLayoutAdmin(admin.ModelAdmin):
    list_display = ("name", "public_id", "requester")
    readonly_fields = ("public_id",)


@admin.register(models.Hit)
class HitAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "requester", "hit_type", "max_assignments", "pending", "submitted", "approved")
    list_select_related = ("requester", "hit_type")
    search_fields = ("public_id", "annotation")


@admin.register(models.Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "hit", "worker", "status", "accepted_at", "submitted_at")
    list_select_related = ("hit", "worker")
    list_filter = ("status",)
    search_fields = ("public_id", "worker__public_id")


@admin.register(models.LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "requester", "kind", "amount", "worker", "hit")
    list_select_related = ("requester", "worker", "hit")
    list_filter = ("kind",)


@admin.register(models.Invite)
class InviteAdmin(ReadOnlyAdmin):
    """Made by `create_invite`, which prints the link."""

    list_display = ("note", "expires_at", "used_by")
    fields = ("note", "expires_at", "used_by")


@admin.register(models.Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("id", "transport", "destination", "attempts", "delivered_at", "error")
