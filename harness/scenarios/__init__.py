"""Scenarios: how the rows of a corpus are divided into training, validation and test environments."""
