"""Reviewers and requesters: groups that a migration makes, and what staff hold of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

REVIEW = "annotation.review"
COLLECT = "annotation.collect"


class StaffCollect(BaseBackend):
    """Staff may do all that requesters may, without being put into the group."""

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return {REVIEW, COLLECT} if user_obj.is_active and user_obj.is_staff else set()
