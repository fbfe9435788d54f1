"""Controls: methods that exist to falsify a claim about another method."""
