"""Controls: methods that exist to falsify a claim."""
