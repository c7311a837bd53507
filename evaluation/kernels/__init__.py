"""Inner loops as machine code: compiled by numba once per machine, loaded without it."""
