"""Arguments that several verbs share: the run, and the quality drop allowed."""

import argparse

from hotseat_registry.cli.common import OldSpelling


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the run to work on."""
    parser.add_argument(
        "run", help="a run's folder, or a task's name for its newest run"
    )


def add_max_quality_drop(
    parser: argparse.ArgumentParser, default: float | None, text: str
) -> None:
    """Add the quality drop that the gate allows a variant, in percent."""
    new = "--max-quality-drop"
    parser.add_argument(
        new, type=percent, default=default, metavar="PERCENT", help=text
    )
    parser.add_argument("--max-loss", action=OldSpelling, new=new, type=percent)


def percent(text: str) -> float:
    """Return the number of 0.5% or 0.5."""
    return float(text.strip().removesuffix("%"))
