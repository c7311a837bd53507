"""What a text is like: the rules for it, common to page and server, and other texts that it resembles."""
