"""A cloud on one machine: the real stacks deployed, called, updated, taken down."""
