"""A package outside ours that plugs a part into the playground, and a broken one."""

import json
from dataclasses import replace
from pathlib import Path

from hotseat_registry import Manifest, Reference
from hotseat_train.playground.models import CHURN
from hotseat_train.playground.parts import Part

HERE = Path(__file__).parent


def publish(registry):
    """Publish the made-up players' model under another name."""
    manifest = Manifest.from_json(
        json.loads((CHURN / "1/manifest.json").read_text("utf-8"))
    )
    names = ("model.onnx", "golden.json")
    registry.publish(
        replace(manifest, model="echo"),
        {name: CHURN / "1" / name for name in names},
        by="a part",
    )
    registry.promote(Reference("echo", version=1), by="a part")


PART = Part(HERE / "echo.js", publish)
BROKEN = Part(HERE / "echo.js", lambda _: 1 / 0)
