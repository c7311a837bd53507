"""Files sent in pieces by the tus protocol: what films and submissions have in common."""
