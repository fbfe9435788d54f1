"""One module per format. Each has a function that yields the rows of a file; `recognize` says which one reads it."""
