"""The steps of a run (train, evaluate, publish) and comparisons of many runs."""
