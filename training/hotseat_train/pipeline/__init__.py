"""The steps of a run: train, evaluate, publish, and what repeats them."""
