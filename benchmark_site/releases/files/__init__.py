"""The directory of a release, written and handed out."""
