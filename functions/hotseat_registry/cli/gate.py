"""The verb `model gate`."""

import argparse
import json
from pathlib import Path

from hotseat_registry.cli.common import (
    DONE,
    Run,
    answering,
    author,
    moving,
    print_json,
    registry,
)
from hotseat_registry.errors import GateError
from hotseat_registry.gate import Gate


def gate(parser: argparse.ArgumentParser) -> Run:
    """Show or set what a version must pass to become live."""
    parser.description = (
        "Show the model's gate, or set it from a JSON file. Its keys: metric; floor; "
        "margin, how far the lower end of the interval may lie under what is live; "
        "max_loss of any variant against the first; max_bytes; min_speed; compatible."
    )
    parser.epilog = "example: hotseat model gate sentiment --set gate.json"
    parser.add_argument("model")
    parser.add_argument("--set", type=Path, metavar="FILE", help="the new gate, JSON")
    moving(parser)
    return _gate


@answering()
def _gate(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    old = source.gate(arguments.model)
    if arguments.set is None:
        return print_json(old.to_json() if old else {})
    try:
        rule = Gate.from_json(json.loads(arguments.set.read_bytes()))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise GateError(f"{arguments.set} is no gate: {error}") from None
    if arguments.dry_run:
        print(f"would set the gate of {arguments.model}: {old} -> {rule}")
        return DONE
    source.set_gate(arguments.model, rule, by=author(), because=arguments.because)
    print(f"{arguments.model}: the gate is set")
    return DONE
