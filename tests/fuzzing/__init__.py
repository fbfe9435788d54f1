"""Hostile and damaged input for every reader: found by structure and by coverage."""
