"""Torch code of the methods that are made to resist shortcuts."""
