"""Releases in the admin: to look at. A release is started, retried and frozen by its own pages and tasks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from benchmark_site.releases.models import (
    Exclusion,
    Item,
    Negative,
    Release,
    ReleaseFile,
    SealedClip,
    SplitVideo,
    Waiver,
)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows and changes none: what is frozen cannot change, what is being built is a worker's."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "hidden", "state", "step", "attempt", "sha256", "created_at")
    exclude = ("seal",)
    list_filter = ("state", "slug")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A failed release may go, unless its build has placed videos (then the ledger of splits keeps it)."""
        failed = isinstance(obj, Release) and obj.state == Release.State.FAILED
        return failed and admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(SplitVideo)
class SplitVideoAdmin(ReadOnlyAdmin):
    list_display = ("video", "split", "release")
    list_filter = ("split",)
    search_fields = ("video__public_id", "video__title")
    list_select_related = ("video", "release")


@admin.register(SealedClip)
class SealedClipAdmin(ReadOnlyAdmin):
    list_display = ("clip", "task", "release")
    list_filter = ("task",)
    search_fields = ("clip__video__public_id",)
    list_select_related = ("clip__video", "release")


@admin.register(Waiver)
class WaiverAdmin(ReadOnlyAdmin):
    list_display = ("release", "attack", "name", "reason", "created_at")
    list_select_related = ("release",)


@admin.register(Exclusion)
class ExclusionAdmin(ReadOnlyAdmin):
    list_display = ("release", "kind", "public_id", "check_id", "reason")
    list_filter = ("release", "check_id")
    list_select_related = ("release",)


@admin.register(Item)
class ItemAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "kind", "split", "published", "vid_name", "text", "release")
    list_filter = ("release", "kind", "split", "published")
    search_fields = ("public_id", "vid_name", "text")
    list_select_related = ("release",)


@admin.register(Negative)
class NegativeAdmin(ReadOnlyAdmin):
    list_display = ("item", "option", "source", "relevance", "similarity")
    list_select_related = ("item", "source")
    search_fields = ("item__public_id", "source__public_id")


@admin.register(ReleaseFile)
class ReleaseFileAdmin(ReadOnlyAdmin):
    list_display = ("path", "access", "bytes", "rows", "sha256", "release")
    list_filter = ("release", "access")
    list_select_related = ("release",)
