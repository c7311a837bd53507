"""How well an answer goes with a question: sentence embeddings, and a dual encoder trained on them."""
