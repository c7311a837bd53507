"""The strict JSON reader of moment predictions: numbers, strings, the scanner, and the stream over them."""
