"""Prediction files of any form, read as ranked lists or answers and checked with the place of every error."""
