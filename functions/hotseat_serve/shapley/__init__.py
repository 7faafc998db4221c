"""Exact Shapley values of an answer: of trees, and of any model with few fields."""
