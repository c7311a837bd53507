"""Asking for a release: what the web process may do. The building itself is a worker's."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from benchmark_site.releases import tasks
from benchmark_site.releases.models import Release


def start_release(slug: str, version: str, seed: int = 0, user: AbstractBaseUser | None = None) -> Release:
    """Create a release and queue its build once the row is committed.

    Raises ValidationError where the name, version or seed is malformed or the version exists.
    """
    release = create_release(slug, version, seed, user)
    transaction.on_commit(lambda: tasks.build.delay(release_id=release.pk))
    return release


def create_release(slug: str, version: str, seed: int = 0, user: AbstractBaseUser | None = None) -> Release:
    """Create a release that waits for a worker. Raises ValidationError."""
    release = Release(slug=slug, version=version, seed=seed, created_by_id=None if user is None else user.pk)
    release.full_clean()
    release.save()
    return release


def retry_release(release_id: int) -> bool:
    """Queue a failed release again, to be built from what is accepted then; False where it has not failed."""
    with transaction.atomic():
        if not reset_release(release_id):
            return False
        transaction.on_commit(lambda: tasks.build.delay(release_id=release_id))
    return True


def reset_release(release_id: int) -> bool:
    """Put a failed release back to the first step, waiting for a worker; False where it has not failed."""
    with transaction.atomic():
        release = Release.objects.select_for_update().get(pk=release_id)
        if release.state != Release.State.FAILED:
            return False
        release.items.all().delete()
        release.state, release.step = Release.State.BUILDING, Release.Step.COLLECT
        release.reason, release.attempt = "", 0
        release.quality, release.matching, release.blind = [], {}, {}
        release.save()
    return True
