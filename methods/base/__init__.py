"""Code that several methods share; nothing here is registered."""
