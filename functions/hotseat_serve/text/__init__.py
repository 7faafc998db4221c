"""Texts of a language model: prompts, tokens, sampling, constraints, endings."""
