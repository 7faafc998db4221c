"""Models of text that read characters inside the graph."""
