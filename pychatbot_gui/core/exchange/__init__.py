"""Conversations as files: export in several formats, import of our own and of others'."""
