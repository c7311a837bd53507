"""`manage.py create_token ada`: an API token, printed once."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from benchmark_site.leaderboard.models import Membership, Scope, Team
from benchmark_site.leaderboard.teams.tokens import create_token


class Command(BaseCommand):
    help = (
        "Print a new API token of a user, once: only its digest is kept. A user in no team gets a team of the user's "
        "name; a user in several must say which."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("--team", help="team that the token speaks for; made if there is none of this name")
        parser.add_argument("--label", default="", help="where the token will be used")
        parser.add_argument("--scope", choices=Scope.values, default=Scope.SUBMIT.value, help="what it may do")
        parser.add_argument("--days", type=int, default=90, help="how long it lives")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model()._default_manager.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"there is no user {options['user']!r}: manage.py createsuperuser makes the first one")
        memberships = list(Membership.objects.filter(user=user).select_related("team"))
        if options["team"] or not memberships:
            membership = self._join(user, options["team"] or user.get_username())
        elif len(memberships) == 1:
            membership = memberships[0]
        else:
            names = ", ".join(repr(one.team.name) for one in memberships)
            raise CommandError(f"{options['user']} is in several teams: say which by --team ({names})")
        if options["days"] < 1:
            raise CommandError(f"--days: expected 1 or more, not {options['days']}")
        scope = Scope(options["scope"])
        self.stdout.write(create_token(membership, options["label"], scope=scope, days=options["days"]))

    def _join(self, user: Any, name: str) -> Membership:
        team = Team.objects.filter(name__iexact=name).first() or Team(name=name)
        if team.pk is None:
            try:
                team.full_clean()
            except ValidationError as error:
                raise CommandError(f"team {name!r}: {' '.join(error.messages)}") from error
            team.save()
        return Membership.objects.get_or_create(team=team, user=user)[0]
