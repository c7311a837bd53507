"""The commands `match`, `audit` and `leaks`."""
