"""What a schema holds: the facts, and the documents made of them."""
