"""How tensors become an answer, by the model's kind."""
