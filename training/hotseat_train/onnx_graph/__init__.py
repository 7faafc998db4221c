"""Writing ONNX graphs node by node."""
