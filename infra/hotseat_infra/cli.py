"""The verbs `deploy check`, `deploy cost`, `deploy rollback` and `deploy prune`."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hotseat_infra.check import (
    MeasuredTime,
    check_zips,
    measured_time,
    trusted_key_paths,
)
from hotseat_infra.check import check as hold
from hotseat_infra.deployment import DeploymentError, Stage, read
from hotseat_infra.function_versions import DeployedFunction, find
from hotseat_infra.pricing.monthly_bill import Bill, Speed, compare, of_a_million
from hotseat_infra.pricing.price_table import PRICES, read_prices
from hotseat_infra.pricing.stage_bill import REGISTRY_GIGABYTES, shared_costs
from hotseat_infra.pricing.traffic import SHAPES, Traffic, shape
from hotseat_infra.text_check import text_warnings
from hotseat_infra.zip_package import LIMIT_BYTES, start_milliseconds, zip_folder
from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    add_trust,
    answering,
    print_json,
    print_table,
    registry,
)
from hotseat_registry.errors import StoreError

_FILE = "infra/deployment.toml"
TRUST = Path("functions/trust")


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--file", type=Path, default=Path(_FILE), help=f"default: {_FILE}"
    )
    parser.add_argument("--stage", default="dev", help="default: dev")
    parser.add_argument("--json", action="store_true", help="print JSON")


def check(parser: argparse.ArgumentParser) -> Run:
    """Check a deployment file against the registry."""
    parser.description = (
        "Check that each model of a stage is in the registry, is signed where keys are "
        "trusted, and fits its function. Deploys nothing."
    )
    parser.epilog = (
        "example: hotseat deploy check --stage prod --registry s3://models/hotseat"
    )
    _add(parser)
    parser.add_argument(
        "--account", action="store_true",
        help="also compare with the account: its quotas, and addresses and keys that "
        "the deployment would change",
    )  # fmt: skip
    add_registry(parser)
    add_trust(parser)
    return _check


@answering(DeploymentError)
def _check(arguments: argparse.Namespace) -> int:
    stage = read(arguments.file, arguments.stage)
    # the keys that the functions will trust, unless --trust names others
    if not arguments.trust:
        arguments.trust = trusted_key_paths(stage, TRUST)
        arguments.threshold = stage.trust_threshold
    found = hold(stage, registry(arguments))
    rows = [
        {
            "model": name,
            "serves": manifest.reference,
            "mode": stage.models[name].mode,
            "memory_mb": stage.models[name].memory_mb,
            "cold_start_ms": manifest.variant(
                stage.models[name].variant or manifest.default_variant
            ).metrics.get("cold_start_ms"),
        }
        for name, manifest in found.items()
    ]
    zips = check_zips(stage, TRUST.parent)
    for row in rows:
        if row["model"] in zips:
            row["zip_bytes"] = zips[str(row["model"])]
    warnings = text_warnings(stage, found)
    if arguments.account:
        warnings += _account_warnings(stage)
    for warning in warnings:
        print(f"hotseat: warning: {warning}", file=sys.stderr)
    if arguments.json:
        return print_json(rows)
    print_table(
        ("model", "serves", "mode", "memory_mb", "cold start"),
        (
            (
                r["model"],
                r["serves"],
                r["mode"],
                r["memory_mb"],
                _milliseconds(r["cold_start_ms"]),
            )
            for r in rows
        ),
    )
    print("  a cold start is as measured before publishing, on that machine")
    for name, size in zips.items():
        started = start_milliseconds(zip_folder(TRUST.parent, name), stage.models[name])
        print(
            f"  {name}: a zip file of {size:,} bytes unzipped, "
            f"{size / LIMIT_BYTES:.0%} of what Lambda takes; its handler loads in "
            f"{_milliseconds(started)} here"
        )
    return DONE


def _milliseconds(measured: object) -> str:
    return f"{measured:.0f} ms" if isinstance(measured, int | float) else "not measured"


def _account_warnings(stage: Stage) -> list[str]:
    # late: see `_function`
    from hotseat_infra.account_check import Account
    from hotseat_registry.stores.s3 import client

    names = ("cloudformation", "lambda", "apigateway")
    account = Account(*(client(name, stage.region) for name in names))
    with _translated_errors(f"stage {stage.name}"):
        return account.check(stage)


def cost(parser: argparse.ArgumentParser) -> Run:
    """Compute the monthly cost of a stage, and of its alternatives."""
    parser.description = (
        "Compute the monthly bill of a stage from its deployment file, the measured "
        "milliseconds of its models and the traffic, and compare memory sizes, a "
        "function kept warm, SnapStart and machines that are always on."
    )
    parser.epilog = (
        "example: hotseat deploy cost --stage prod --requests 10e6 --shape evening"
    )
    _add(parser)
    add_registry(parser)
    parser.add_argument(
        "--requests", type=float, default=1e6, help="per month and model (default: 1e6)"
    )
    parser.add_argument(
        "--shape", default="flat", metavar="NAME|FILE",
        help=f"{', '.join(SHAPES)}, or a JSON list with a number for each hour of a "
        "day or a week (default: flat)",
    )  # fmt: skip
    parser.add_argument(
        "--ms", type=float,
        help="time of one prediction on one core (default: as measured when the "
        "version was published)",
    )  # fmt: skip
    parser.add_argument(
        "--tokens", type=_tokens, default=40,
        help="of one answer of a model that writes texts (default: 40, a line)",
    )  # fmt: skip
    parser.add_argument(
        "--cold-ms", type=float, default=600.0,
        help="time of a cold start on one core (default: 600)",
    )  # fmt: skip
    parser.add_argument(
        "--registry-gb", type=float, default=REGISTRY_GIGABYTES,
        help="size of all versions in the registry (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--prices", type=Path, default=PRICES, help="another price table"
    )
    return _cost


@answering(DeploymentError)
def _cost(arguments: argparse.Namespace) -> int:
    stage = read(arguments.file, arguments.stage)
    table = read_prices(arguments.prices, stage.region)
    traffic = Traffic(arguments.requests, shape(arguments.shape))
    times, speeds, bills = {}, {}, {}
    for name, model in stage.models.items():
        times[name] = (
            measured_time(name, model, registry(arguments), arguments.tokens)
            if arguments.ms is None
            else MeasuredTime(arguments.ms)
        )
        speeds[name] = Speed(times[name].milliseconds, arguments.cold_ms)
        bills[name] = compare(
            model, stage.api.kind, traffic, speeds[name], table, stage.log_days
        )
    rest = shared_costs(
        stage,
        traffic.requests * len(stage.models),
        table,
        registry_gigabytes=arguments.registry_gb,
    )
    total = rest.total + sum(items[0].total for items in bills.values())
    if arguments.json:
        return print_json(
            {
                "models": {n: [_plain(i) for i in items] for n, items in bills.items()},
                "million_texts": {
                    name: of_a_million(items[0], traffic)
                    for name, items in bills.items()
                    if times[name].tokens
                },
                "shared": _plain(rest),
                "total": total,
                "budget": stage.monthly_budget_usd,
                "prices": {"region": table["region"], "date": str(table["date"])},
            }
        )
    print(
        f"{traffic.requests:,.0f} requests a month and model, {arguments.shape}; "
        f"dollars by list price, {table['region']}, {table['date']}"
    )
    _note_prices(stage, table)
    for name in (n for n, m in stage.models.items() if m.capacity_provider):
        print(
            f"hotseat: warning: {name}: the price of its capacity provider's instances "
            "is not known here: it is computed as if it ran on Lambda's own",
            file=sys.stderr,
        )
    for name, items in bills.items():
        tokens = times[name].tokens
        what = f"a text of {tokens} tokens" if tokens else "a prediction"
        print(f"\n{name}: {speeds[name].warm:.3g} ms {what} on one core")
        most = max(item.total for item in items)
        print_table(
            ("way", "ms", "cold of 1,000", "a month", "", "of it"),
            (
                (
                    item.what,
                    f"{item.milliseconds:.1f}",
                    f"{item.cold:.2g}",
                    f"{item.total:,.2f}",
                    "\u2588" * max(1, round(12 * item.total / most)),
                    _largest(item),
                )
                for item in items
            ),
        )
        if tokens:
            dollars = of_a_million(items[0], traffic)
            print(f"  a million texts as deployed: {dollars:,.2f} of Lambda alone")
    print(f"\nshared by the stage: {rest.total:,.2f} ({_largest(rest)})")
    print(
        f"{stage.name} as deployed: {total:,.2f} a month; its budget is "
        f"{stage.monthly_budget_usd:,.2f}"
    )
    return DONE


def _tokens(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("an answer has 1 token or more")
    return count


def rollback(parser: argparse.ArgumentParser) -> Run:
    """Move a function back to its former version, without a build."""
    parser.description = (
        "Move the alias of a model's function to its version before, or to one of "
        "the kept versions. The stack's template does not change: the next deploy "
        "publishes a new version and moves the alias to it."
    )
    parser.epilog = "example: hotseat deploy rollback sentiment --stage prod"
    _add(parser)
    parser.add_argument("model", help="the model whose function moves")
    parser.add_argument("--to", type=int, metavar="NUMBER", help="a kept version")
    parser.add_argument("--list", action="store_true", help="list the kept versions")
    return _rollback


@answering(DeploymentError)
def _rollback(arguments: argparse.Namespace) -> int:
    function = _function(arguments)
    if not arguments.list:
        with _translated_errors(function.name):
            before, after = function.move(arguments.to)
        result = {"model": arguments.model, "before": before, "after": after}
        if arguments.json:
            return print_json(result)
        print(f"{arguments.model}: version {after} of its function, before {before}")
        return DONE
    with _translated_errors(function.name):
        versions = function.versions()
    if arguments.json:
        return print_json([asdict(item) for item in versions])
    print_table(
        ("version", "published", "memory_mb", ""),
        (
            (i.number, i.published, i.memory_mb, "live" if i.live else "")
            for i in versions
        ),
    )
    return DONE


def prune(parser: argparse.ArgumentParser) -> Run:
    """Delete a function's oldest versions."""
    parser.description = (
        "Delete all but the newest versions of each function of a stage. A version "
        "behind the alias stays. Lambda keeps at most 75 GB of zip code in a region."
    )
    parser.epilog = "example: hotseat deploy prune --stage prod --keep 5"
    _add(parser)
    parser.add_argument(
        "--keep", type=_at_least_one, default=5, help="versions that stay (default: 5)"
    )
    return _prune


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


@answering(DeploymentError)
def _prune(arguments: argparse.Namespace) -> int:
    stage = read(arguments.file, arguments.stage)
    rows = []
    for name in stage.models:
        arguments.model = name
        function = _function(arguments)
        with _translated_errors(function.name):
            rows.append({"model": name, "deleted": function.prune(arguments.keep)})
    if arguments.json:
        return print_json(rows)
    print_table(
        ("model", "deleted"),
        ((r["model"], ", ".join(map(str, r["deleted"])) or "none") for r in rows),
    )
    return DONE


def _function(arguments: argparse.Namespace) -> DeployedFunction:
    """Return the function of a model in the stage's account and region."""
    # late: boto3 takes 200 ms, and the other verbs do without
    from hotseat_registry.stores.s3 import client

    stage = read(arguments.file, arguments.stage)
    services = (client("cloudformation", stage.region), client("lambda", stage.region))
    with _translated_errors(f"stage {stage.name}"):
        return find(stage.name, arguments.model, *services)


@contextmanager
def _translated_errors(what: str) -> Iterator[None]:
    """Raise AWS's errors as `DeploymentError`."""
    from hotseat_registry.stores.s3 import translated_errors

    try:
        with translated_errors(what):
            yield
    except StoreError as error:
        cause = error.__cause__
        raise (cause if isinstance(cause, DeploymentError) else error) from None


def _note_prices(stage: Stage, table: dict[str, Any]) -> None:
    """Say where the prices are not the region's, or have one source alone."""
    if table["region"] != stage.region:
        print(
            f"hotseat: warning: no prices of {stage.region}: these are "
            f"{table['region']}'s; other regions differ by up to a third: add "
            f"[regions.{stage.region}] to a table of yours, --prices FILE",
            file=sys.stderr,
        )
    elif table["own"]:
        print(
            f"  {table['own']} of them are this region's own, "
            f"{len(table['compared'])} compared with a second source"
        )


def _plain(item: Bill) -> dict[str, object]:
    return {**asdict(item), "total": item.total}


def _largest(item: Bill) -> str:
    """Name the parts that matter, the largest first."""
    parts = sorted(item.parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{n} {value:,.2f}" for n, value in parts[:4] if value >= 0.005)
