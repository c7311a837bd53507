"""Work in the background: leases on rows, messages after the commit, child processes. Knows no app."""
