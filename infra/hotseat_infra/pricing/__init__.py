"""Monthly bills by list price, and the cost of a million answers."""
