"""Rows become a model, a model becomes ONNX, ONNX becomes a version with proof."""
