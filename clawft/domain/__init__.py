"""Nouns and pure rules: no threads, files, clocks or sockets."""
