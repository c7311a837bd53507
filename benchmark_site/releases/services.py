"""Asking for a release: what the web process may do. The building itself is a worker's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, Unpack

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.releases.models import Release, Waiver
from benchmark_site.releases.task_names import BUILD

LEAST_WORDS = 3


class ReleaseSettings(TypedDict, total=False):
    """How to build: the seed of the matching, how the hidden split is cut, how many options a question has and whether
    all wrong ones are new, how many are set aside as predictable, what is chosen of everything accepted, which
    videos stay in one split, whether test is in two halves, and, to build the same again, its nonce; and what is said
    of it: description, authors (one a line), the licence of what was written.
    """

    seed: int
    hidden: str
    option_count: int
    new_negatives: bool
    set_aside: int
    only_licences: list[str]
    only_batches: list[int]
    only_tag: str
    only_items: str
    copies_on_one_side: bool
    annotators_on_one_side: bool
    test_halves: bool
    seal: str
    description: str
    authors: str
    licence: str


def start_release(
    slug: str, version: str, *, user: AbstractBaseUser | None = None, **how: Unpack[ReleaseSettings]
) -> Release:
    """Create a release and queue its build once the row is committed.

    Raises ValidationError where the name, the version or a setting is malformed or the version exists.
    """
    release = create_release(slug, version, user=user, **how)
    enqueue(BUILD, release_id=release.pk)
    return release


def create_release(
    slug: str, version: str, *, user: AbstractBaseUser | None = None, **how: Unpack[ReleaseSettings]
) -> Release:
    """Create a release that waits for a worker. Raises ValidationError."""
    release = Release(slug=slug, version=version, created_by_id=None if user is None else user.pk, **how)
    release.full_clean()
    release.save()
    return release


def retry_release(release_id: int) -> bool:
    """Queue a failed release again, to be built from what is accepted then; False where it has not failed."""
    with transaction.atomic():
        if not reset_release(release_id):
            return False
        enqueue(BUILD, release_id=release_id)
    return True


def reset_release(release_id: int) -> bool:
    """Put a failed release back to the first step, waiting for a worker; False where it has not failed."""
    with transaction.atomic():
        release = Release.objects.select_for_update().get(pk=release_id)
        if release.state != Release.State.FAILED:
            return False
        release.items.all().delete()
        release.exclusions.all().delete()
        release.waivers.all().delete()
        release.state, release.step = Release.State.BUILDING, Release.Step.COLLECT
        release.reason, release.attempt = "", 0
        release.quality, release.matching, release.blind, release.leaks = [], {}, {}, {}
        release.save()
    return True


def waive(release_id: int, reasons: Mapping[str, str], user: AbstractBaseUser) -> list[str]:
    """Let somebody answer for what stopped a build, {leak or check: reason}; what still stops it.

    Where nothing is left the build goes on. Raises ValidationError on a reason that says nothing, on what does not stop
    this release, and where nothing does that may be answered for.
    """
    with transaction.atomic():
        release = Release.objects.select_for_update().get(pk=release_id)
        if release.state != Release.State.FAILED or not release.stopped_by():
            raise ValidationError(f"{release} is not stopped by anything that may be answered for")
        for attack, reason in reasons.items():
            if attack not in release.stopped_by():
                raise ValidationError(f"{attack!r} does not stop {release}: expected one of {release.stopped_by()}")
            if len(reason.split()) < LEAST_WORDS:
                raise ValidationError(
                    f"{attack}: a reason of at least {LEAST_WORDS} words is expected: everybody reads it"
                )
            Waiver.objects.create(
                release=release, attack=attack, reason=" ".join(reason.split()), user_id=user.pk, name=_printed(user)
            )
        left = release.stopped_by()
        if not left:
            Release.objects.filter(pk=release_id).update(
                state=Release.State.BUILDING, step=_next(release), reason="", attempt=0
            )
            enqueue(BUILD, release_id=release_id)
    return left


def _next(release: Release) -> str:
    """Where the build goes on: audited files are written, what the gate stopped is tried again."""
    return Release.Step.WRITE if release.step == Release.Step.AUDIT else release.step


def _printed(user: AbstractBaseUser) -> str:
    return getattr(user, "get_full_name", str)() or user.get_username()
