"""The data model: corpora, payloads, and what is read off their bytes."""
