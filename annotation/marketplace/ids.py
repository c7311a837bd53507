"""Public identifiers in the protocol's alphabet: `^[A-Z0-9]+$`, workers and requesters `^A[A-Z0-9]+$`."""

import secrets

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def entity_id() -> str:
    """A new id of 30 characters; 29 of them random (149 bits), since an AssignmentId also authorises a submit."""
    return "3" + "".join(secrets.choice(ALPHABET) for _ in range(29))


def customer_id() -> str:
    """A new worker or requester id of 14 characters."""
    return "A" + "".join(secrets.choice(ALPHABET) for _ in range(13))
