"""The sound card, reached through child processes only."""
