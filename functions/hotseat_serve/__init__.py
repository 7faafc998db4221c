"""A request comes in, a prediction goes out."""
