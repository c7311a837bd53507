"""What is said: recognised where nobody has written it down."""
