"""Versions on the device: download, check, run; ``pip install hotseat[offline]``.

The client imports this package at the first `download`, so that other games need
neither numpy nor onnxruntime.
"""
