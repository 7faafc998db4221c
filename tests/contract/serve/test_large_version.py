"""Large versions, with less memory than they have bytes: the benchmarks, small."""

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


def test_a_language_model_goes_through_every_step_piece_by_piece():
    """Published, copied into a bucket, fetched from it, opened: no file in memory."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/large_text.py", "--size", "160"],
        env={**os.environ, "PYTHONUTF8": "1"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    fetched = re.findall(r"fetched in [\d.]+ s with (\d+) MB", done.stdout)
    assert len(fetched) == 2, done.stdout
    # 155 MB of weights would not fit beside the interpreter
    assert max(map(int, fetched)) < 150
