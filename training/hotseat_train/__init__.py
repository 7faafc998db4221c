"""Trains models from rows, exports them to ONNX, evaluates and publishes them."""
