"""A release among others: in the forms that other people's loaders read, compared, mirrored, looked for in a corpus.

What is written here is made from the public files alone, so it tells nothing that they do not.
"""
