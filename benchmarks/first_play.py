"""From an empty machine to the playground: ``make bench-first-play``.

Builds both wheels, installs them with the extra `demo` into an empty environment,
and runs `hotseat demo` twice. Each step's seconds are those of the wall clock:
`pip install` depends on the network and on pip's cache (`--no-cache` leaves it out).
The wheels' build is not counted. The targets are 60 s with `pip install`, and 5 s once
installed.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import cpu
import urllib3

from hotseat import ModelServiceClient

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "training/hotseat_train/playground/page/vendor/hotseat.js"
EMPTY = [[0] * 7 for _ in range(6)]


def wheel(project, folder):
    """Build a wheel and return its path."""
    into = folder / f"wheel-{project.name}"
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", into, project]
    subprocess.run(command, check=True, capture_output=True)
    return next(into.glob("*.whl"))


def _work():
    """Return the seconds of processor time of all finished children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def play(python, folder):
    """Return the seconds from the command to the page, and to a first answer."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [python.with_name("hotseat"), "demo", "--no-browser"], cwd=folder,
        stdout=subprocess.PIPE, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
    )  # fmt: skip
    try:
        url = re.search(r"http://[\d.:]+", process.stdout.readline())[0]
        page = urllib3.request("GET", f"{url}/", retries=False)
        assert page.status == 200
        shown = time.perf_counter() - began
        with ModelServiceClient(url, deadline=30) as client:
            assert client.choose(EMPTY, model="connect-four", level="hard").action
        return shown, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def main():
    """Print the seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--no-cache", action="store_true", help="pip downloads anew")
    arguments = parser.parse_args()
    if not PAGE.exists():
        sys.exit("the page is not built: make playground")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdk, platform = (wheel(one, folder) for one in (ROOT / "sdk/python", ROOT))
        began = time.perf_counter()
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv/bin/python"
        made = time.perf_counter() - began
        work = -_work()
        pip = [python, "-m", "pip", "install", "-q", sdk, f"{platform}[demo]"]
        if arguments.no_cache:
            pip.append("--no-cache-dir")
        subprocess.run(pip, check=True)
        installed = time.perf_counter() - began
        work += _work()
        shown, answered = play(python, folder)
        again, again_answered = play(python, folder)
        size = sum(
            p.stat().st_size for p in (folder / "venv").rglob("*") if p.is_file()
        )
    print(f"  of pip install, {work:.1f} s are processor work")
    for step, seconds in (
        ("an empty environment", made),
        ("pip install, extra demo", installed - made),
        ("hotseat demo to the page", shown),
        ("... to the first answer", answered),
        ("empty machine to the page", installed + shown),
        ("a second start to the page", again),
        ("... to the first answer", again_answered),
    ):
        print(f"  {step:28} {seconds:7.2f} s")
    print(f"  the environment has {size / 1e6:.0f} MB; {cpu.name()}")


if __name__ == "__main__":
    main()
