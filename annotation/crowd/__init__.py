"""The way to a crowd and back: the only room that talks to a marketplace."""
