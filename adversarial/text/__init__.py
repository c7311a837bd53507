"""Texts: one form for comparing them, and whether two answers say the same."""
