"""The API for those who collect: a campaign from the draft to its results. Nothing here calls a marketplace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.http import HttpRequest
from ninja import Body, Router, Schema, Status

from annotation import campaigns
from annotation.crowd import steering
from annotation.crowd.workers import bonuses
from annotation.models import Assignment, Batch
from benchmark_site.leaderboard.api_auth import OrderAuth
from benchmark_site.leaderboard.api_errors import ApiError, answers
from benchmark_site.leaderboard.models import ApiToken

router = Router(auth=OrderAuth(), tags=["campaigns"])
PAGE = 100
FIELDS: dict[str, Any] = {
    field.name: {"description": str(field.help_text)} for field in Batch._meta.fields if field.name in campaigns.FIELDS
}


class CostOut(Schema):
    units: int
    answers: int
    rewards: Decimal
    bonuses: Decimal
    fees: Decimal
    total: Decimal
    budget: Decimal


class BatchOut(Schema):
    id: int
    name: str
    kind: str
    environment: str
    state: str
    created_at: datetime
    page: str


class ProgressOut(Schema):
    state: str
    error: str
    ends_at: datetime | None
    held_back: bool
    units: dict[str, int]
    answers: dict[str, int]
    unreviewed: int
    used: int
    money: dict[str, Decimal]
    findings: int


class AmountIn(Schema):
    amount: str


class DaysIn(Schema):
    days: int


class BonusIn(Schema):
    assignment_id: str
    worker_id: str
    amount: Decimal
    reason: str


class BonusOut(Schema):
    assignment_id: str
    amount: Decimal
    reason: str
    state: str
    new: bool


class ResultsOut(Schema):
    """`next` is the number to ask for behind; null at the end of what there is."""

    answers: list[dict[str, Any]]
    next: int | None


@router.get("", response=answers(403, _200=list[BatchOut]))
def list_batches(request: HttpRequest, after: int | None = None) -> list[BatchOut]:
    """The newest 100, or those older than batch `after`."""
    rows = Batch.objects.order_by("-pk")
    return [_batch_out(request, batch) for batch in (rows if after is None else rows.filter(pk__lt=after))[:PAGE]]


@router.post(
    "",
    response=answers(400, 403, 422, _201=BatchOut),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["name", "kind", "reward", "budget"],
                        "properties": FIELDS,
                        "additionalProperties": False,
                    }
                }
            },
        }
    },
)
def create_batch(request: HttpRequest, body: Body[dict[str, Any]]) -> Status[BatchOut]:
    """A draft. What is left out has the form's default."""
    try:
        batch = campaigns.draft(body, _token(request).membership.user)
    except campaigns.DraftError as error:
        problems = [(field, "invalid", message) for field, message in error.problems]
        raise ApiError.several(problems, status=422) from error
    return Status(201, _batch_out(request, batch))


@router.get("/{batch_id}", response=answers(403, 404, _200=BatchOut))
def get_batch(request: HttpRequest, batch_id: int) -> BatchOut:
    return _batch_out(request, _find(batch_id))


@router.get("/{batch_id}/cost", response=answers(403, 404, _200=CostOut))
def get_cost(request: HttpRequest, batch_id: int) -> CostOut:
    """What it costs at most; `total` is the amount with which it is launched."""
    return CostOut(**campaigns.cost(_find(batch_id)))


@router.get("/{batch_id}/progress", response=answers(403, 404, _200=ProgressOut))
def get_progress(request: HttpRequest, batch_id: int) -> ProgressOut:
    return ProgressOut(**campaigns.progress(_find(batch_id)))


@router.get("/{batch_id}/results", response=answers(403, 404, _200=ResultsOut))
def get_results(request: HttpRequest, batch_id: int, after: int = 0) -> ResultsOut:
    """The next 100 answers in the order in which they came."""
    rows = list(islice(campaigns.results(_find(batch_id), after), PAGE))
    return ResultsOut(answers=rows, next=rows[-1]["number"] if len(rows) == PAGE else None)


@router.post("/{batch_id}/launch", response=answers(400, 403, 404, 409, 422, _200=ProgressOut))
def launch_batch(request: HttpRequest, batch_id: int, body: AmountIn) -> ProgressOut:
    """Launch a draft for exactly the amount that its cost says."""
    return _order(batch_id, lambda: campaigns.launch_for(batch_id, body.amount))


@router.post("/{batch_id}/extend", response=answers(400, 403, 404, 409, 422, _200=ProgressOut))
def extend_batch(request: HttpRequest, batch_id: int, body: DaysIn) -> ProgressOut:
    """So many days more (1 to 90) to accept."""
    return _order(batch_id, lambda: steering.request_extension(batch_id, body.days))


@router.post("/{batch_id}/bonuses", response=answers(400, 403, 404, 409, 422, _200=BonusOut))
def pay_bonus(request: HttpRequest, batch_id: int, body: BonusIn) -> BonusOut:
    """A bonus for one answer of the batch; the same reason again is the same bonus."""
    batch = _find(batch_id)
    wanted = {"assignment_id": body.assignment_id, "worker__worker_id": body.worker_id}
    answer = Assignment.objects.filter(hit__batch=batch, **wanted).first()
    if answer is None:
        message = f"{body.worker_id} has sent no assignment {body.assignment_id} to this batch"
        raise ApiError("assignment_id", "not_found", message, status=404)
    try:
        bonus, new = bonuses.promise(answer.pk, body.amount, body.reason, _token(request).membership.user)
    except bonuses.BonusError as error:
        raise ApiError("bonus", "refused", str(error), status=409) from error
    return BonusOut(
        assignment_id=answer.assignment_id, amount=bonus.amount, reason=bonus.reason, state=bonus.state, new=new
    )


@router.post("/{batch_id}/{order}", response=answers(403, 404, 409, _200=ProgressOut))
def order_batch(request: HttpRequest, batch_id: int, order: str) -> ProgressOut:
    """`pause`, `resume`, `stop`, `rest` (the units behind the canaries), `again` (units with answers missing)."""
    if order not in campaigns.ORDERS:
        message = f"{order[:40]!r} is no order: {', '.join(campaigns.ORDERS)} are, launch and extend"
        raise ApiError("order", "not_found", message, status=404)
    return _order(batch_id, lambda: campaigns.ORDERS[order](batch_id))


def _order(batch_id: int, order: Callable[[], object]) -> ProgressOut:
    _find(batch_id)
    try:
        order()
    except campaigns.LaunchError as error:
        raise ApiError("batch", "refused", str(error), status=409) from error
    return ProgressOut(**campaigns.progress(_find(batch_id)))


def _find(batch_id: int) -> Batch:
    batch = Batch.objects.filter(pk=batch_id).first() if batch_id < 2**63 else None
    if batch is None:
        raise ApiError("batch", "not_found", f"there is no batch {batch_id}", status=404)
    return batch


def _batch_out(request: HttpRequest, batch: Batch) -> BatchOut:
    values = {name: getattr(batch, name) for name in ("name", "kind", "environment", "state", "created_at")}
    return BatchOut(id=batch.pk, **values, page=request.build_absolute_uri(batch.get_absolute_url()))


def _token(request: HttpRequest) -> ApiToken:
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    return token
