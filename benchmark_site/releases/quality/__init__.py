"""What stops a release, and what everybody may read about its leaks."""
