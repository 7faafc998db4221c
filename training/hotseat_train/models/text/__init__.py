"""Models of text; their graphs contain the tokenizer."""
