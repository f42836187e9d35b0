"""Models: who writes the answers."""
