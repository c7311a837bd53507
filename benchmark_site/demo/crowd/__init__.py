"""Simulated annotators, who see the marketplace's pages and the world's script alone."""
