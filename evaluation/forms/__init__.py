"""The forms in which the field publishes queries and questions, each read into the project's own rows.

`table` names them, `records` says what they are read into, `export` writes that, `truth` scores on it.
"""
