"""From a file that is sent to a submission, and who may see it."""
