"""HITs and assignments: their states, who may take them, what time and policies do to them."""
