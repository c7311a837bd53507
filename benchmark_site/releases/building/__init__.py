"""A build, step by step; workers and commands only (torch)."""
