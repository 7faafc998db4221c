"""AWS on one machine: the real stacks deployed, called, updated and destroyed."""
