"""The audit of a dataset: finds shortcuts that a model could learn, before any training. See docs/audit.md."""
