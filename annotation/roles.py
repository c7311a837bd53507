"""Reviewers and requesters: the groups that operators put people into, and what staff hold of them."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

REVIEW = "annotation.review"
COLLECT = "annotation.collect"
GROUPS = {"Reviewers": (REVIEW,), "Requesters": (COLLECT, REVIEW)}


class StaffCollect(BaseBackend):
    """Staff may do all that requesters may, without being put into the group."""

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return {REVIEW, COLLECT} if user_obj.is_active and user_obj.is_staff else set()


def make_groups(sender: AppConfig, **_: Any) -> None:
    """Make the groups that are not there, after each migration and flush; what operators changed in one stays."""
    create_permissions(sender, verbosity=0)  # Django's own call comes after this one
    for name, permissions in GROUPS.items():
        group, made = Group.objects.get_or_create(name=name)
        if made:
            codenames = [permission.partition(".")[2] for permission in permissions]
            group.permissions.set(
                Permission.objects.filter(content_type__app_label="annotation", codename__in=codenames)
            )
