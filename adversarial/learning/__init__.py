"""Small models in numpy, and cross-validation by video."""
