"""Torch code of the methods that are designed to resist shortcuts."""
