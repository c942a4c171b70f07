"""The conversation that is shown: one document, its messages, and what can be done with them."""
