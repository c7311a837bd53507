"""Rows: what a question must hold, how files of them are read and written, and the options that matching writes."""
