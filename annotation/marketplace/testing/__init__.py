"""Faults and clock moves on demand."""
