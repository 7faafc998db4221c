"""Models trained elsewhere: the graph is read, described, measured and published."""
