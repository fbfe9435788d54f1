"""Records: what a cell leaves on disk, and reading it back."""
