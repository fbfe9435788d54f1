"""The report: what the board, the records and the corpus say, as one page that needs nothing but itself."""
