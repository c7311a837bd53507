"""The leaderboard in the admin: look, mark, score again. What was sent and scored is never edited."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest

from benchmark_site.leaderboard.models import (
    ApiToken,
    Evaluation,
    Identity,
    Membership,
    Score,
    Submission,
    Team,
    Track,
    TrainingRun,
)
from benchmark_site.leaderboard.scoring.score import FileDeletedError, rescore
from benchmark_site.leaderboard.submissions.visibility import hide, unhide
from benchmark_site.leaderboard.teams import tokens
from benchmark_site.leaderboard.text import plain_text


class _ReadOnly(admin.ModelAdmin):
    """Rows that only the machinery writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may use the actions: those who could change such rows, if anybody could."""
        return request.user.has_perm(f"leaderboard.change_{self.opts.model_name}")


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 1


class ScoreInline(admin.TabularInline):
    model = Score
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ["name", "baseline", "created_at"]
    search_fields = ["name"]
    inlines = [MembershipInline]


@admin.register(ApiToken)
class ApiTokenAdmin(_ReadOnly):
    list_display = ["prefix", "membership", "label", "last_used_at", "revoked_at"]
    list_select_related = ["membership__team", "membership__user"]
    exclude = ["digest"]
    actions = ["revoke"]

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            tokens.revoke(token)


@admin.register(Track)
class TrackAdmin(_ReadOnly):
    """Its settings are changed on the board's own page."""

    list_display = ["__str__", "opens_at", "closes_at", "per_day", "total", "reveal"]
    list_select_related = ["release"]


class ReasonForm(ActionForm):
    """Beside the choice of an action: why. Hiding demands it."""

    reason = forms.CharField(required=False, max_length=500, label="Reason (to hide)", validators=[plain_text])


@admin.register(Submission)
class SubmissionAdmin(_ReadOnly):
    list_display = ["method", "team", "track", "public", "baseline", "counts", "hidden_at", "created_at"]
    list_filter = ["public", "baseline", "track"]
    list_select_related = ["team", "track__release"]
    search_fields = ["method", "team__name", "sha256"]
    action_form = ReasonForm
    actions = ["hide", "unhide", "score_again"]

    @admin.action(description="Hide, for the reason given beside", permissions=["operate"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, "A reason is expected: the team of a hidden submission reads it.")
            return
        messages.success(request, f"{hide(queryset, reason, request.user)} hidden")

    @admin.action(description="Show again what was hidden", permissions=["operate"])
    def unhide(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        messages.success(request, f"{unhide(queryset)} no longer hidden: their teams may show them")

    @admin.action(description="Score again by the evaluator of today", permissions=["operate"])
    def score_again(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        for submission in queryset:
            try:
                rescore(submission)
            except FileDeletedError:
                messages.warning(request, f"{submission}: its file is deleted")
            except IntegrityError:
                reason = "this evaluator has scored it, a scoring is under way, or the team sent the same file again"
                messages.warning(request, f"{submission}: {reason}")


@admin.register(Identity)
class IdentityAdmin(_ReadOnly):
    """Staff may take one off an account: its person then logs in by the password again."""

    list_display = ["user", "issuer", "subject", "joined_at"]
    list_select_related = ["user"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Evaluation)
class EvaluationAdmin(_ReadOnly):
    list_display = ["id", "submission", "state", "attempt", "evaluator_version", "queued_at", "finished_at"]
    list_filter = ["state", "evaluator_version"]
    list_select_related = ["submission__team"]
    inlines = [ScoreInline]


@admin.register(TrainingRun)
class TrainingRunAdmin(_ReadOnly):
    list_display = ["__str__", "state", "stage", "progress", "attempt", "queued_at", "finished_at"]
    list_select_related = ["release"]
