"""Clips to annotate, procedural and real, and the script of what happens in them."""
