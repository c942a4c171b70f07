"""The list of all conversations at the side, with its search."""
