"""Predictions for every row of a table: ``hotseat predict --input --output``."""
