"""The version on the device: fetched, checked, run; ``pip install hotseat[offline]``.

The client imports this when a game first calls `download`, so that games which do not
carry neither numpy nor onnxruntime.
"""
