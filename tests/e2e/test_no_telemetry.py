"""No process of ours lets onnxruntime report its use, or keep an id of the device."""

import os
import subprocess
import sys

import pytest

MODULES = ("hotseat_serve.runtime.session", "hotseat._device.graph",
           "hotseat_train.compression.graph_optimization")  # fmt: skip
RUN = """
import sys, {module}
from tests import small_models
import onnxruntime
_, _, model = small_models.words()
onnxruntime.InferenceSession(model.SerializeToString())
"""


@pytest.mark.parametrize("module", MODULES)
def test_a_session_leaves_no_id_in_the_users_cache(module, tmp_path):
    """Without the switch onnxruntime writes one below the home folder."""
    env = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    env |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run(
        [sys.executable, "-c", RUN.format(module=module)], env=env, check=True
    )
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name]
