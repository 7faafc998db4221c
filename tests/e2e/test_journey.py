"""The whole way, in an empty folder."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location(
    "journey", Path(__file__).with_name("journey.py")
)
journey = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(journey)


def test_a_row_reaches_the_game_and_a_roll_back_too(tmp_path):
    """Train, publish, serve, ask, promote, roll back: each version answers in turn."""
    told = []
    options = ("--rows", "4000", "--max-epochs", "3")
    journey.Journey(tmp_path, told.append, options).run()
    assert any("after the promote" in line and "sentiment@2" in line for line in told)
    assert any("after the roll back" in line and "sentiment@1" in line for line in told)
