"""The web: REST as a table of routes, sockets, and the guard in front of both."""
