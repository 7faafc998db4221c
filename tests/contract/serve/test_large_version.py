"""A version in an image is opened where it lies: benchmarks/large_version.py, small."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_weights_in_the_image_take_no_room_elsewhere():
    """Nothing is copied into the temporary folder, and the weights stay mapped."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/large_version.py", "--size", "200"],
        env={**os.environ, "PYTHONUTF8": "1"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    numbers = re.search(
        r"(\d+) MB of memory at most, of which (\d+) MB .* ([\d.]+) MB in /tmp",
        done.stdout,
    )
    assert numbers is not None, done.stdout
    _, anonymous, tmp = map(float, numbers.groups())
    assert anonymous < 150
    assert tmp == 0
