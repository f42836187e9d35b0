"""Skills on disk: the folder of installed ones, the registries they come from, and their archives."""
