"""English draughts for Hotseat: rules, and a task that learns to play."""
