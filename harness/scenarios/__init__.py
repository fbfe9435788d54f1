"""How the rows of a corpus become training, validation and test environments."""
