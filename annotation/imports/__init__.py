"""Other people's annotations as accepted items: where each belongs, what becomes rows, and one run's report."""
