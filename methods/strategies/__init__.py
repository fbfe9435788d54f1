"""Robust strategies, one per file; `harness.pairs` combines each with the learners that have what it needs."""
