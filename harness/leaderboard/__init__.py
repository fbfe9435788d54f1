"""The board: what the records of a results folder say, method by method."""
