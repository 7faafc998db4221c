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
    """Show or set the conditions a version must meet to become live."""
    parser.description = (
        "Show the gate of a model, or set it from a JSON file. Keys: metric; floor; "
        "margin, how far the lower end of the interval may lie below the live version; "
        "max_loss, the quality drop of any variant against the first; max_bytes; "
        "min_speed; max_cold_start_ms; max_behaviour_drop, in one category of the "
        "behaviour tests against the live version; compatible."
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
        raise GateError(f"{arguments.set} is not a gate: {error}") from None
    if arguments.dry_run:
        print(f"would set the gate of {arguments.model}: {old} -> {rule}")
        return DONE
    source.set_gate(arguments.model, rule, by=author(), because=arguments.because)
    print(f"{arguments.model}: the gate is set")
    return DONE
