"""What the requester API has on its wires: signatures, JSON, limits, errors, pages."""
