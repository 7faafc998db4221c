"""Trains models from rows, exports them to ONNX, evaluates and publishes them."""

import os

# onnxruntime 1.29 and later report their use to Microsoft, with an id of the device
# that they keep in the cache of the user; who wants that sets the variable to 0
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
