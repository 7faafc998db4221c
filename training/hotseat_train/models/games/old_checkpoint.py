"""Converts self-play checkpoints of version 0.1 to the format of `optim.loop`."""

import json
import math
from pathlib import Path

import numpy as np
import torch

from hotseat_train.optim import checkpoint

_TRAINING = ("batch_size", "learning_rate", "weight_decay", "averaging", "seed")


def convert(path: Path) -> None:
    """Rewrite an old checkpoint in place; ignore a new or missing one."""
    content = checkpoint.load(path) if path.exists() else {}
    if "rounds" not in content:
        return
    playing = json.loads(content["plan"])
    training = {name: playing.pop(name) for name in _TRAINING}
    rounds = content["rounds"]
    training |= {
        "optimizer": "adamw", "max_epochs": playing.pop("rounds"), "tolerance": 0.0,
        "schedule": "linear", "clip": 1.0,
    }  # fmt: skip
    average = content["average"]
    prefix = "module."
    checkpoint.save(path, {
        "plan": training,
        "curve": [
            {"number": item["number"],
             "train_loss": item["policy_loss"] + item["value_loss"],
             "validation_loss": math.nan, "validation_accuracy": math.nan}
            for item in rounds
        ],
        "seconds": [item["seconds"] for item in rounds],
        "steps": 0,  # the schedule counts rounds
        "best": {
            name.removeprefix(prefix): value
            for name, value in average.items() if name.startswith(prefix)
        },
        "module": content["module"],
        "average": average,
        "optimizer": content["optimizer"],
        "random": np.random.default_rng(training["seed"]).bit_generator.state,
        "dropped": torch.get_rng_state(),
        "objective": {
            "playing": playing, "rounds": rounds, "memory": content["memory"],
        },
    })  # fmt: skip
