"""What HITs and tests ask, and the documents of their answers."""
