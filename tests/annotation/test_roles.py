"""The groups of reviewers and requesters are there after a migration and after a flush."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command


def held(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


@pytest.mark.django_db(transaction=True)
def test_the_groups_come_back_and_keep_what_operators_changed() -> None:
    call_command("flush", interactive=False)
    assert (held("Reviewers"), held("Requesters")) == ({"review"}, {"review", "collect"})
    Group.objects.get(name="Requesters").permissions.clear()
    call_command("migrate", verbosity=0)
    assert held("Requesters") == set()
