"""Base classes, search spaces and input handling that several methods share. Nothing here is registered."""
