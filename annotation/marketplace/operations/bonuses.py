"""Bonuses and the balance."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from annotation.marketplace.models import BonusPayment, Requester
from annotation.marketplace.money import payments
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.operations.serializers import bonus_members
from annotation.marketplace.protocol import idempotency
from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.protocol.pagination import listing, page


@operation("GetAccountBalance")
def get_account_balance(requester: Requester, members: Members, now: dt.datetime) -> Members:
    requester.refresh_from_db(fields=["available", "on_hold"])
    return {"AvailableBalance": str(requester.available), "OnHoldBalance": str(requester.on_hold)}


@operation("SendBonus")
def send_bonus(requester: Requester, members: Members, now: dt.datetime) -> Members:
    assignment = lookup.assignment_of(requester, members["AssignmentId"])
    if assignment.worker.public_id != members["WorkerId"]:
        raise refused("InvalidWorker", f"Worker {members['WorkerId']} did not do assignment {members['AssignmentId']}")
    amount = Decimal(members["BonusAmount"])
    if amount < payments.CENT:
        raise refused("AWS.ParameterOutOfRange", "BonusAmount must be at least 0.01")
    token = members.get("UniqueRequestToken")
    if token and idempotency.reserve(requester, "bonus", token, assignment.public_id, now):
        raise refused("DuplicateRequest", f"The request with UniqueRequestToken {token} has already been processed")
    payments.pay_bonus(assignment, assignment.hit, amount, now)
    BonusPayment.objects.create(
        assignment=assignment, worker=assignment.worker, amount=amount, reason=members["Reason"], granted_at=now
    )
    return {}


@operation("ListBonusPayments")
def list_bonus_payments(requester: Requester, members: Members, now: dt.datetime) -> Members:
    if ("HITId" in members) == ("AssignmentId" in members):
        raise refused("AWS.MissingParameters", "Exactly one of HITId and AssignmentId must be given")
    rows = BonusPayment.objects.select_related("worker", "assignment")
    if "HITId" in members:
        rows = rows.filter(assignment__hit=lookup.hit_of(requester, members["HITId"]))
    else:
        rows = rows.filter(assignment=lookup.assignment_of(requester, members["AssignmentId"]))
    shown, token = page("ListBonusPayments", requester, members, rows)
    return listing("BonusPayments", [bonus_members(bonus) for bonus in shown], token)
