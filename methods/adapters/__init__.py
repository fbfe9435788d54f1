"""Method families: methods that a user names as ``FAMILY:ARGUMENT``, on the user's own classifier or encoder."""
