"""JSON and raw bytes to tensors and back."""
