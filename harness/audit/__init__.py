"""The audit of a dataset: which shortcuts it offers, before anyone trains on it. See docs/audit.md."""
