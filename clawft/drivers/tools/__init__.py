"""Tools that need only the outside world."""
