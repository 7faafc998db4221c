"""The operator's verbs before a deployment: cost, and check."""

import argparse
from dataclasses import asdict
from pathlib import Path

from hotseat_infra.check import check as hold
from hotseat_infra.check import keys
from hotseat_infra.cost import PRICES, Traffic, compare, prices
from hotseat_infra.deployment import DeploymentError, read
from hotseat_registry.verbs.command import (
    DONE,
    Run,
    add_registry,
    add_trust,
    answering,
    print_json,
    print_table,
    registry,
)

_FILE = "infra/deployment.toml"
TRUST = Path("functions/trust")


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--file", type=Path, default=Path(_FILE), help=f"default: {_FILE}"
    )
    parser.add_argument("--stage", default="dev", help="default: dev")
    parser.add_argument("--json", action="store_true", help="print JSON")


def check(parser: argparse.ArgumentParser) -> Run:
    """Hold a deployment file against the registry, before anything is deployed."""
    parser.description = (
        "Check that each model of a stage is in the registry, is signed where keys are "
        "trusted, and fits its function. Deploys nothing."
    )
    parser.epilog = "example: hotseat check --stage prod --registry s3://models/hotseat"
    _add(parser)
    add_registry(parser)
    add_trust(parser)
    return _check


@answering(DeploymentError)
def _check(arguments: argparse.Namespace) -> int:
    stage = read(arguments.file, arguments.stage)
    # what the functions will trust, unless other keys are named here
    arguments.trust = arguments.trust or keys(stage, TRUST)
    found = hold(stage, registry(arguments))
    rows = [
        {
            "model": name,
            "serves": manifest.reference,
            "mode": stage.models[name].mode,
            "memory_mb": stage.models[name].memory_mb,
        }
        for name, manifest in found.items()
    ]
    if arguments.json:
        return print_json(rows)
    print_table(
        ("model", "serves", "mode", "memory_mb"),
        ((r["model"], r["serves"], r["mode"], r["memory_mb"]) for r in rows),
    )
    return DONE


def cost(parser: argparse.ArgumentParser) -> Run:
    """Say what a stage costs a month, and what other ways would."""
    parser.description = (
        "Compute the monthly bill of a stage from its deployment file, measured "
        "milliseconds and the traffic, and compare memory sizes, a function kept warm, "
        "SnapStart and rented machines."
    )
    parser.epilog = "example: hotseat cost --stage prod --requests 10e6 --ms 4"
    _add(parser)
    parser.add_argument(
        "--requests", type=float, default=1e6, help="a month, a model (default: 1e6)"
    )
    parser.add_argument(
        "--ms", type=float, default=5.0,
        help="of one request on one core, as `make bench` measures (default: 5)",
    )  # fmt: skip
    parser.add_argument(
        "--cold-share", type=float, default=0.001, help="default: 0.001"
    )
    parser.add_argument(
        "--prices", type=Path, default=PRICES, help="another table of prices"
    )
    return _cost


@answering(DeploymentError)
def _cost(arguments: argparse.Namespace) -> int:
    stage = read(arguments.file, arguments.stage)
    table = prices(arguments.prices)
    traffic = Traffic(arguments.requests, arguments.ms, arguments.cold_share)
    bills = {
        name: compare(model, stage.api.kind, traffic, table)
        for name, model in stage.models.items()
    }
    if arguments.json:
        return print_json(
            {
                name: [{**asdict(item), "total": item.total} for item in items]
                for name, items in bills.items()
            }
        )
    for name, items in bills.items():
        print(
            f"{name}: {traffic.requests:,.0f} requests a month, "
            f"{traffic.milliseconds:g} ms on one core; dollars, list prices of "
            f"{table['region']}, {table['date']}"
        )
        print_table(
            ("way", "ms", "a month", "of it"),
            (
                (
                    item.what,
                    f"{item.milliseconds:.1f}",
                    f"{item.total:,.2f}",
                    ", ".join(
                        f"{k} {v:,.2f}" for k, v in item.parts.items() if v >= 0.005
                    ),
                )
                for item in items
            ),
        )
    if any(model.schedule for model in stage.models.values()):
        print("hours that a schedule keeps functions warm are not counted")
    return DONE
