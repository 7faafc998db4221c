"""Makes the playground's churn models of made-up players: logistic regressions.

``python -m hotseat_train.playground.made_up_players`` writes both versions again. The
players come from a formula, so that nobody's data are in it: who plays often, has
friends and buys something stays; who has not come for weeks leaves. The second version
knows one field more.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hotseat_registry import Field, Input, Manifest, Output, Signature, Variant
from hotseat_train.playground.models import CHURN

MODEL = "made-up-churn"
FIELDS = (
    Field("days_away", default=3.0, minimum=0, maximum=60, observed=(0, 60)),
    Field("sessions_a_week", default=4.0, minimum=0, maximum=30, observed=(0, 30)),
    Field("friends", default=3.0, minimum=0, maximum=50, observed=(0, 50)),
    Field("level", default=12.0, minimum=1, maximum=100, observed=(1, 100)),
    Field("purchases", default=0.0, minimum=0, maximum=20, observed=(0, 20)),
    Field("defeats_in_a_row", default=1.0, minimum=0, maximum=20, observed=(0, 20)),
)
TRUTH = np.array([0.16, -0.35, -0.10, -0.012, -0.5, 0.25])
PLAYERS, STEPS, RATE = 20_000, 3_000, 0.5


def players(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return made-up players [n, 6] and whether each left [n]."""
    low = np.array([field.minimum for field in FIELDS], float)
    high = np.array([field.maximum for field in FIELDS], float)
    rows = low + (high - low) * rng.beta(1.0, 3.0, (PLAYERS, len(FIELDS)))
    chance = 1 / (1 + np.exp(-(rows @ TRUTH - 0.2)))
    return rows, rng.random(PLAYERS) < chance


def fit(rows: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, float]:
    """Return weights and bias of a logistic regression, by gradient descent."""
    mean, deviation = rows.mean(0), rows.std(0)
    scaled = (rows - mean) / deviation
    weights, bias = np.zeros(rows.shape[1]), 0.0
    for _ in range(STEPS):
        error = 1 / (1 + np.exp(-(scaled @ weights + bias))) - left
        weights -= RATE * scaled.T @ error / len(rows)
        bias -= RATE * float(error.mean())
    weights /= deviation
    return weights, bias - float(weights @ mean)


def graph(weights: np.ndarray, bias: float) -> onnx.ModelProto:
    """Return the graph: players [n, fields] to scores [n, 2]."""
    both = np.stack([-weights, weights], 1).astype(np.float32) / 2
    biases = np.array([-bias, bias], np.float32) / 2
    fields = len(weights)
    made = helper.make_graph(
        [
            helper.make_node("Gemm", ["player", "weights", "biases"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
        ],
        MODEL,
        [helper.make_tensor_value_info("player", TensorProto.FLOAT, ["n", fields])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])],
        [
            numpy_helper.from_array(both, "weights"),
            numpy_helper.from_array(biases, "biases"),
        ],
    )
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )


def write(folder: Path, number: int) -> None:
    """Write graph, golden row and manifest of a version."""
    rows, left = players(np.random.default_rng(1))
    known = FIELDS[:-1] if number == 1 else FIELDS
    weights, bias = fit(rows[:, : len(known)], left)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(graph(weights, bias), folder / "model.onnx")
    player = {field.name: field.default for field in known}
    score = float(1 / (1 + np.exp(-(np.array(list(player.values())) @ weights + bias))))
    expected: dict[str, Any] = {"scores": {"stays": 1 - score, "leaves": score}}
    golden = {
        "rows": [{"input": player, "expected": expected}],
        "tolerance": {"fp32": 1e-4},
    }
    (folder / "golden.json").write_text(json.dumps(golden, indent=1), "utf-8")
    manifest = Manifest(
        model=MODEL,
        kind="classification",
        signature=Signature(
            inputs=(
                Input("player", "FP32", (-1, len(known)), "features", fields=known),
            ),
            outputs=(Output("scores", "FP32", (-1, 2)),),
            labels=("stays", "leaves"),
            neutral_label="stays",
            max_rows=256,
        ),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
        golden="golden.json",
        lineage={"data": {"source": "made-up players", "licence": "Apache-2.0"}},
        card=f"# {MODEL}\n\nA logistic regression of made-up players, to play with.\n",
    )
    text = json.dumps(manifest.to_json(), indent=1)
    (folder / "manifest.json").write_text(text, "utf-8")


if __name__ == "__main__":
    for version in (1, 2):
        write(CHURN / str(version), version)
