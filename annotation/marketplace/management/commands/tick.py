"""One pass of the marketplace's clock."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from annotation.marketplace import clock
from annotation.marketplace.work import due_transitions, notices


class Command(BaseCommand):
    help = "Do once what time does: abandon, expire, auto-approve, dispose, forget dead tokens, deliver notifications."

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        moves = due_transitions.apply_due(now)
        tokens = due_transitions.forget_dead_tokens(now)
        delivered = notices.deliver_due(now)
        self.stdout.write(f"{moves} moves, {tokens} dead tokens, {delivered} notices delivered")
