"""Versions as one JSON file of plain steps, which the SDKs without onnxruntime run."""
