"""Torch code that methods share: towers, heads, losses and one training loop. Nothing here is registered."""
