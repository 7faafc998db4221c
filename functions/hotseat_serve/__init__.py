"""Serve the models of a registry over HTTP."""

import os

# onnxruntime 1.29 and later report their use to Microsoft, with an id of the device
# that they keep in the cache of the user; who wants that sets the variable to 0
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
