"""A self-hosted agent host in which everything that lives is an actor."""

__version__ = "0.1.0"
