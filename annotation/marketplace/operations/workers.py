"""Blocks and messages."""

from __future__ import annotations

import datetime as dt

from annotation.marketplace.models import Assignment, Block, Message, Requester, Worker
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.protocol.pagination import listing, page


@operation("CreateWorkerBlock")
def create_block(requester: Requester, members: Members, now: dt.datetime) -> Members:
    Block.objects.update_or_create(
        requester=requester,
        worker=lookup.worker(members["WorkerId"]),
        defaults={"reason": members["Reason"]},
        create_defaults={"reason": members["Reason"], "created_at": now},
    )
    return {}


@operation("DeleteWorkerBlock")
def delete_block(requester: Requester, members: Members, now: dt.datetime) -> Members:
    Block.objects.filter(requester=requester, worker=lookup.worker(members["WorkerId"])).delete()
    return {}


@operation("ListWorkerBlocks")
def list_blocks(requester: Requester, members: Members, now: dt.datetime) -> Members:
    rows = Block.objects.filter(requester=requester).select_related("worker")
    shown, token = page("ListWorkerBlocks", requester, members, rows)
    blocks = [{"WorkerId": block.worker.public_id, "Reason": block.reason} for block in shown]
    return listing("WorkerBlocks", blocks, token)


@operation("NotifyWorkers")
def notify_workers(requester: Requester, members: Members, now: dt.datetime) -> Members:
    """A message goes to those whose work this requester has reviewed; for the others a failure comes back."""
    ids = list(dict.fromkeys(members["WorkerIds"]))
    workers = {worker.public_id: worker for worker in Worker.objects.filter(public_id__in=ids)}
    reviewed = set(
        Assignment.objects.filter(
            hit__requester=requester,
            worker__in=workers.values(),
            status__in=[Assignment.Status.APPROVED, Assignment.Status.REJECTED],
        ).values_list("worker__public_id", flat=True)
    )
    Message.objects.bulk_create(
        Message(
            requester=requester,
            worker=workers[id_],
            subject=members["Subject"],
            text=members["MessageText"],
            sent_at=now,
        )
        for id_ in ids
        if id_ in reviewed
    )
    failures = [_failure(id_, known=id_ in workers) for id_ in ids if id_ not in reviewed]
    return {"NotifyWorkersFailureStatuses": failures}


def _failure(worker_id: str, *, known: bool) -> Members:
    reason = "You have neither approved nor rejected work of this worker" if known else "WorkerId is invalid"
    return {
        "NotifyWorkersFailureCode": "HardFailure",
        "NotifyWorkersFailureMessage": reason,
        "WorkerId": worker_id,
    }
