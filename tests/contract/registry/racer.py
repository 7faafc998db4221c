"""A process that publishes and moves aliases: URI NAME PUBLISHES MOVES FOLDER."""

import json
import random
import sys
from pathlib import Path

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Signature,
    Variant,
    open_registry,
)
from hotseat_registry.errors import AliasMovedError

GRAPH = bytes.fromhex(  # ir_version 7; text [n] in, scores [n, 2] out, no node
    "08073a331201675a130a0474657874120b0a09080812050a0312016e62190a0673636f72"
    "6573120f0a0d080112090a0312016e0a020802"
)


def main(uri, name, publishes, moves, folder):
    registry, chance = open_registry(uri), random.Random(name)
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    if publishes > 100:  # it is here to be killed: say that the work begins
        say("begun")
    todo = ["publish"] * publishes + ["move"] * moves
    chance.shuffle(todo)
    for n, act in enumerate(todo):
        if act == "publish":
            publish(registry, folder, f"{name}-{n}")
        else:
            move(registry, chance, name)


def say(*words):
    """Tell whoever started this process."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def publish(registry, folder, content):
    model, golden = folder / "model.onnx", folder / "golden.json"
    model.write_bytes(GRAPH)
    golden.write_text(json.dumps(content))
    manifest = Manifest(
        model="mood",
        kind="classification",
        signature=Signature(
            inputs=(Input("text", "BYTES", (-1,), "text"),),
            outputs=(Output("scores", "FP32", (-1, 2)),),
            labels=("negative", "positive"),
        ),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
        golden="golden.json",
        card=content,
    )
    files = {"model.onnx": model, "golden.json": golden}
    made = registry.publish(manifest, files, by="racer")
    say("published", made.version)


def move(registry, chance, name):
    while True:
        number = chance.choice(registry.versions("mood"))
        alias = chance.choice(["live", "canary"])
        try:
            entry = registry.promote(
                Reference("mood", version=number), alias, by=f"racer{name}"
            )
        except AliasMovedError:
            continue  # somebody else won: look again
        say("moved", entry.sequence, entry.by, entry.after)
        return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
