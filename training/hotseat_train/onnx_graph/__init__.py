"""ONNX graphs: built node by node, exported from torch modules, and merged."""
