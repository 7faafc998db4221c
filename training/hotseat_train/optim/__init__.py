"""Training by gradient descent: the plan, the loop and its checkpoints."""
