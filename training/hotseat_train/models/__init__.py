"""Networks and classical models, by what they read."""
