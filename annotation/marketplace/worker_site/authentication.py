"""Who is asking: the signed-in worker, with what is due done before the page looks at anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotation.marketplace import clock
from annotation.marketplace.models import Worker
from annotation.marketplace.work import due_transitions

P = ParamSpec("P")
WorkerView = Callable[Concatenate[HttpRequest, Worker, dt.datetime, P], HttpResponse]


class AccountBackend(ModelBackend):
    """Accounts with the workers that they are: each page of theirs asks for both."""

    def get_user(self, user_id: int) -> User | None:
        try:
            user = User.objects.select_related("worker").get(pk=user_id)
        except User.DoesNotExist:
            return None
        return user if self.user_can_authenticate(user) else None


def worker_page(view: WorkerView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Give the view the worker and the time; others are sent to the log-in page."""

    @login_required
    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        assert isinstance(request.user, User)  # login_required has seen to it
        worker: Worker | None = getattr(request.user, "worker", None)
        if worker is None:
            return render(request, "marketplace/no_worker.html", status=403)
        now = clock.now()
        due_transitions.apply_due(now)
        return view(request, worker, now, *args, **kwargs)

    return page
