"""Tracks, ranks, and the public boards."""
