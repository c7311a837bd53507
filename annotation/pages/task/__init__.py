"""The task's page in the frame of the marketplace."""
