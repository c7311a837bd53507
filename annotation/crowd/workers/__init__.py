"""Who may work, and what passes between them and us beside the work."""
