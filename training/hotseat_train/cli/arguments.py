"""What several verbs are given: a run, and how much a variant may lose."""

import argparse


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the run that a verb is about."""
    parser.add_argument(
        "run", help="a run's folder, or a task's name for its newest run"
    )


def add_max_loss(
    parser: argparse.ArgumentParser, default: float | None, says: str
) -> None:
    """Add the loss that a gate allows, in percent."""
    parser.add_argument(
        "--max-loss", type=percent, default=default, metavar="PERCENT", help=says
    )


def percent(text: str) -> float:
    """Return the percents that are meant by 0.5% or 0.5."""
    return float(text.strip().removesuffix("%"))
