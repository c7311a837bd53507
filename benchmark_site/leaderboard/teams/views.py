"""Teams and their API tokens."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from benchmark_site.leaderboard.models import ApiToken, Membership
from benchmark_site.leaderboard.teams import tokens
from benchmark_site.leaderboard.teams.forms import TeamForm, TokenForm


@login_required
def teams(request: HttpRequest) -> HttpResponse:
    """The user's teams and tokens; POST creates a team with the user as its first member."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            team = form.save()
            team.members.add(request.user)
        return redirect("teams")
    return _page(request, form)


@require_POST
@login_required
@never_cache
def new_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a token for a team of the user's; this answer is the only place where it is ever shown."""
    membership = get_object_or_404(Membership, team=pk, user=request.user.pk)
    form = TokenForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form.errors["label"]))
        return redirect("teams")
    token = tokens.create_token(membership, form.cleaned_data["label"])
    return _page(request, TeamForm(), token)


@require_POST
@login_required
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of the user's own tokens."""
    tokens.revoke(get_object_or_404(ApiToken, pk=pk, membership__user=request.user.pk))
    messages.success(request, "The token is revoked.")
    return redirect("teams")


def _page(request: HttpRequest, form: TeamForm, token: str = "") -> HttpResponse:
    memberships = Membership.objects.filter(user=request.user.pk).select_related("team").prefetch_related("tokens")
    context = {"memberships": memberships, "form": form, "token": token, "token_form": TokenForm()}
    return render(request, "leaderboard/teams.html", context)
