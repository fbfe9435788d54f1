"""The data model: corpora, payloads, HTTP request parsing and near-duplicates."""
