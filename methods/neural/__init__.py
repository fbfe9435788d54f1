"""Torch code that methods share: towers, losses, one training loop. Discovery skips this package."""
