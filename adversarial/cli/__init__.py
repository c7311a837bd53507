"""The commands `match`, `audit`, `filter` and `leaks`."""
