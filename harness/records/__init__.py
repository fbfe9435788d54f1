"""Records: the files of a cell's result, its predictions and its predictor."""
