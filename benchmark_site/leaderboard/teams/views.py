"""Teams and their API tokens."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from benchmark_site.leaderboard.models import ApiToken, Mail, Membership, Scope, Team
from benchmark_site.leaderboard.teams import membership as membership_rules
from benchmark_site.leaderboard.teams import tokens
from benchmark_site.leaderboard.teams.forms import InvitationForm, TeamForm, TokenForm


@login_required
def teams(request: HttpRequest) -> HttpResponse:
    """The user's teams and tokens; POST creates a team with the user as its first member."""
    assert isinstance(request.user, User)
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            membership_rules.create_team(form.save(commit=False), request.user)
        except membership_rules.TeamError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("teams")
    return _page(request, form)


@require_POST
@login_required
@never_cache
def new_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a token for a team of the user's; this answer is the only place where it is ever shown."""
    membership = get_object_or_404(Membership, team=pk, user=request.user.pk)
    form = TokenForm(request.POST, user=membership.user)
    if not form.is_valid():
        messages.error(request, _words(form))
        return redirect("teams")
    asked = form.cleaned_data
    token = tokens.create_token(membership, asked["label"], scope=Scope(asked["scope"]), days=asked["days"])
    return _page(request, TeamForm(), token)


@require_POST
@login_required
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of the user's own tokens."""
    tokens.revoke(get_object_or_404(ApiToken, pk=pk, membership__user=request.user.pk))
    messages.success(request, "The token is revoked.")
    return redirect("teams")


@require_POST
@login_required
@never_cache
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Make an invitation into a team of the user's; its link is shown this once, and mailed where that is wanted."""
    membership = get_object_or_404(Membership.objects.select_related("team"), team=pk, user=request.user.pk)
    form = InvitationForm(request.POST)
    if not form.is_valid():
        messages.error(request, _words(form))
        return redirect("teams")
    team, inviter, email = membership.team, membership.user, form.cleaned_data["email"]
    try:
        link = membership_rules.invite(team, inviter, email)
    except membership_rules.TeamError as refusal:
        messages.error(request, str(refusal))
        return redirect("teams")
    if email and not membership_rules.mail_link(link, team, inviter, email):
        messages.error(request, f"The mail server did not take the mail to {email}: pass the link on yourself.")
    return _page(request, TeamForm(), link=link)


@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Who invites, and the button that joins; visitors are shown where to log in or to sign up."""
    found = membership_rules.find_invitation(secret)
    refusal = ""
    if found and isinstance(request.user, User):
        try:
            membership_rules.check_not_refused(found.team, request.user)
            if request.method == "POST":
                team = membership_rules.accept(secret, request.user)
                if team:
                    messages.success(request, f"You are in the team {team}.")
                    return redirect("teams")
                found = None  # somebody has used it meanwhile
        except membership_rules.RefusedError as error:
            refusal = str(error)
        except membership_rules.TeamError as error:
            messages.error(request, str(error))
            return redirect("teams")
    may_sign_up = settings.OPEN_SIGNUP or (found is not None and found.invited_by.is_staff)
    context = {"invitation": found, "secret": secret, "may_sign_up": may_sign_up, "refusal": refusal}
    status = 410 if found is None else 403 if refusal and request.method == "POST" else 200
    return render(request, "leaderboard/invitation.html", context, status=status)


@require_POST
@login_required
def withdraw_invitation(request: HttpRequest, pk: int) -> HttpResponse:
    """End an open invitation into a team of the user's, whichever member has made it."""
    found = get_object_or_404(membership_rules.open_invitations(), pk=pk, team__memberships__user=request.user.pk)
    membership_rules.withdraw(found)
    messages.success(request, "The invitation is withdrawn: its link opens nothing any more.")
    return redirect("teams")


@require_POST
@login_required
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """End the membership of somebody else in a team of the user's, who must be its owner."""
    assert isinstance(request.user, User)
    theirs = Membership.objects.select_related("team", "user")
    membership = get_object_or_404(theirs, pk=pk, team__memberships__user=request.user.pk)
    try:
        membership_rules.remove(membership, request.user)
    except membership_rules.TeamError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{membership.user} is no member of {membership.team} any more.")
    return redirect("teams")


@require_POST
@login_required
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave a team; asks for the team's name, since tokens end and only another member can let one in again."""
    membership = get_object_or_404(Membership.objects.select_related("team"), team=pk, user=request.user.pk)
    if request.POST.get("name", "").strip() != membership.team.name:
        messages.error(request, f"To leave, write the team's name: {membership.team}")
    else:
        membership_rules.leave(membership)
        messages.success(request, f"You have left {membership.team}. What was sent stays, and counts for you.")
    return redirect("teams")


@require_POST
@login_required
def rename(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a team of the user's another name, on every board."""
    team = get_object_or_404(Team, pk=pk, memberships__user=request.user.pk, baseline=False)
    form = TeamForm(request.POST, instance=team)
    if form.is_valid():
        form.save()
        messages.success(request, f"The team is called {team} now, on every board.")
    else:
        messages.error(request, _words(form))
    return redirect("teams")


@require_POST
@login_required
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose what one is told of by mail about a team of the user's."""
    membership = get_object_or_404(Membership, team=pk, user=request.user.pk)
    wish = request.POST.get("mail", "")
    if wish in Mail.values:
        Membership.objects.filter(pk=membership.pk).update(mail=wish)
        messages.success(request, f"By mail you are told of: {Mail(wish).label}.")
    return redirect("teams")


def _words(form: BaseForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)


def _page(request: HttpRequest, form: TeamForm, token: str = "", link: str = "") -> HttpResponse:
    mine = Membership.objects.filter(user=request.user.pk).select_related("team")
    members = Membership.objects.order_by("pk").select_related("user")
    links = membership_rules.open_invitations().select_related("invited_by")
    context = {
        "memberships": membership_rules.with_owners(mine).prefetch_related(
            "tokens",
            Prefetch("team__memberships", members),
            Prefetch("team__invitations", links, to_attr="open_invitations"),
        ),
        "form": form,
        "token": token,
        "link": link,
        "mail_choices": Mail.choices,
        "token_form": TokenForm(auto_id=False, user=request.user),
    }
    return render(request, "leaderboard/teams.html", context)
