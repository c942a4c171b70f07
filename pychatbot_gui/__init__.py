"""PyChatbot: talk with a local language model, private and offline."""

__version__ = "0.1.0"
