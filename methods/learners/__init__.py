"""Base learners, one per file; `harness.pairs` combines each with the strategies that work with it."""
