"""The commands of `python -m evaluation`: arguments in, reports and files out."""
