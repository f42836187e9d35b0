"""Verbs: what can be asked of the actors, one file a noun."""
