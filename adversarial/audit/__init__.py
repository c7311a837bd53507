"""The audit: how often models without the video find the right answer, and by what."""
