"""Versions on the device: download, check, run; ``pip install hotseat[offline]``.

The client imports this package at the first `download`, so that other games need
neither numpy nor onnxruntime.
"""

import os

# onnxruntime 1.29 and later report their use to Microsoft, with an id of the device
# that they keep in the cache of the user; who wants that sets the variable to 0
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
