"""Who asks: player tokens, their keys, and limits by player and model."""
