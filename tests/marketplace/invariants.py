"""What must hold in the marketplace's database at any moment, asked of PostgreSQL itself.

Each query returns the rows that break its rule.
"""

from __future__ import annotations

import psycopg

COST = """
(a.reward + greatest(0.01, round(a.reward * CASE WHEN h.max_assignments >= 10 THEN 0.40 ELSE 0.20 END, 2)))
"""
FREE_COST = COST.replace("a.reward", "t.reward")
OPEN = "('Accepted', 'Submitted', 'Approved', 'Rejected')"

BROKEN = {
    "counters equal the assignments": """
        SELECT h.public_id, h.pending, h.submitted, h.approved, h.rejected FROM marketplace_hit h
        LEFT JOIN marketplace_assignment a ON a.hit_id = h.id GROUP BY h.id
        HAVING h.pending <> count(*) FILTER (WHERE a.status = 'Accepted')
            OR h.submitted <> count(*) FILTER (WHERE a.status = 'Submitted')
            OR h.approved <> count(*) FILTER (WHERE a.status = 'Approved')
            OR h.rejected <> count(*) FILTER (WHERE a.status = 'Rejected')""",
    "slots are never exceeded": f"""
        SELECT h.public_id FROM marketplace_hit h JOIN marketplace_assignment a ON a.hit_id = h.id
        WHERE a.status IN {OPEN} GROUP BY h.id HAVING count(*) > h.max_assignments""",
    "no worker has two of one HIT": f"""
        SELECT hit_id, worker_id FROM marketplace_assignment WHERE status IN {OPEN}
        GROUP BY hit_id, worker_id HAVING count(*) > 1""",
    "freed ids are those of slots given back": f"""
        SELECT h.public_id FROM marketplace_hit h, unnest(h.freed_ids) AS freed
        JOIN marketplace_assignment a ON a.public_id = freed WHERE a.status IN {OPEN}""",
    "a HIT holds the cost of its open slots": f"""
        SELECT h.public_id, h.held FROM marketplace_hit h JOIN marketplace_hittype t ON t.id = h.hit_type_id
        WHERE h.held <> coalesce((SELECT sum({COST}) FROM marketplace_assignment a
                                  WHERE a.hit_id = h.id AND a.status IN ('Accepted', 'Submitted')), 0)
            + CASE WHEN h.disposed_at IS NULL AND NOT h.expiry_done
              THEN (h.max_assignments - h.pending - h.submitted - h.approved - h.rejected) * {FREE_COST}
              ELSE 0 END""",
    "what requesters hold is what their HITs hold": """
        SELECT r.name FROM marketplace_requester r LEFT JOIN marketplace_hit h ON h.requester_id = r.id
        GROUP BY r.id HAVING r.on_hold <> coalesce(sum(h.held), 0)""",
    "deposits = available + on hold + paid": """
        SELECT r.name, r.available, r.on_hold FROM marketplace_requester r
        LEFT JOIN marketplace_ledgerentry l ON l.requester_id = r.id GROUP BY r.id
        HAVING coalesce(sum(l.amount) FILTER (WHERE l.kind = 'deposit'), 0) <> r.available + r.on_hold
            + coalesce(sum(l.amount) FILTER (WHERE l.kind IN ('reward', 'fee', 'bonus', 'bonus_fee')), 0)""",
    "holds - releases = on hold": """
        SELECT r.name FROM marketplace_requester r LEFT JOIN marketplace_ledgerentry l ON l.requester_id = r.id
        GROUP BY r.id HAVING r.on_hold <> coalesce(sum(l.amount) FILTER (WHERE l.kind = 'hold'), 0)
            - coalesce(sum(l.amount) FILTER (WHERE l.kind = 'release'), 0)""",
    "the approved are paid once, and only they": """
        SELECT a.public_id FROM marketplace_assignment a
        LEFT JOIN marketplace_ledgerentry l ON l.assignment_id = a.id AND l.kind = 'reward'
        GROUP BY a.id HAVING count(l.id) <> CASE WHEN a.status = 'Approved' THEN 1 ELSE 0 END""",
    "bonuses are in the ledger": """
        SELECT a.id FROM marketplace_assignment a WHERE
            (SELECT coalesce(sum(amount), 0) FROM marketplace_bonuspayment WHERE assignment_id = a.id) <>
            (SELECT coalesce(sum(amount), 0) FROM marketplace_ledgerentry
             WHERE assignment_id = a.id AND kind = 'bonus')""",
    "a token made one HIT": """
        SELECT t.token FROM marketplace_requesttoken t WHERE t.purpose = 'hit'
        AND NOT EXISTS (SELECT 1 FROM marketplace_hit h WHERE h.public_id = t.result)""",
}


def assert_hold(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        for rule, query in BROKEN.items():
            broken = connection.execute(query).fetchall()
            assert not broken, f"{rule}: {broken[:5]}"
