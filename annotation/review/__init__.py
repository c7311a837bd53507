"""What an answer must be like, what speaks against it, what becomes of it, and what it costs."""
