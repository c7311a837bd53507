"""What requesters, reviewers and annotators see."""
