"""What may leave of a request: masked texts, shapes of inputs, pseudonyms."""
