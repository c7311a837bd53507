"""Scores video moment retrieval and multiple-choice QA on a release: exact, refusing what cannot be meant."""

__version__ = "1.1.0"
