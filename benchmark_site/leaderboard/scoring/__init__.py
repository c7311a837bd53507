"""From a submission to its scores, and what of them may be told."""
