"""All models, one after the other: ``make models``.

Each is trained, made small, measured, published to the folder registry and promoted;
its card is written to docs/models. With --pages nothing is trained: for each published
model a page that compares its variants is written to docs/models/pages. A task
whose run is there already is not trained again, nor made small twice, so an interrupted
`make models` goes on where it was; minutes.json beside the runs tells how long each
took, without what an interruption lost. With --pretrained the two games and the chats
take their pretrained graphs instead of training for hours; mario-levels has none, and
is trained in a minute.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = ROOT / ".hotseat/runs/models"
PAGES = ROOT / "docs/models/pages"
HOTSEAT = Path(sys.executable).with_name("hotseat")
CHAT = ("chat-moderation", "chat-moderation-large")
FITTED = ("sentiment", "player-churn", *CHAT)
MADE = ("connect-four", "sokoban-levels", "mario-levels")
METHOD = {
    "sentiment": "dynamic",
    "player-churn": "dynamic",
    "chat-moderation-large": "dynamic",
}
"""How each is made smaller, where not by all; of trees there are fewer in any case."""
MAX_LOSS = {"sokoban-levels": "10%", "mario-levels": "10%"}
"""Where not 0.5%: what a generator loses costs tries and nothing of what is returned,
and each try is quicker; a smaller loss would take many thousands of samples to show."""


def hotseat(*words: object) -> None:
    """Run the command as anybody would."""
    command = [str(HOTSEAT), *map(str, words)]
    subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603 (our own command)


def main() -> None:
    """Make them all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join((*FITTED, *MADE))}")
    parser.add_argument(
        "--pages", action="store_true", help="write the pages alone: make model-pages"
    )
    parser.add_argument(
        "--pretrained", action="store_true", help="do not play for an hour"
    )
    given = parser.parse_args()
    if given.pages:
        write_pages(given.names or (*MADE, *FITTED))
        return
    for name in given.names or (*MADE, *FITTED):
        began = time.monotonic()
        run = RUNS / name
        if not (run / "run.json").exists():
            hotseat("train", name, "--run", run, *_how(name, given.pretrained))
        limit = "--max-quality-drop", MAX_LOSS.get(name, "0.5%")
        small = run / "small"
        if not small.exists():  # else it was interrupted after this
            if given.pretrained and name in CHAT:
                hotseat("evaluate", run)  # it came along as int8
            else:
                hotseat("quantize", run, "--method", METHOD.get(name, "all"), *limit)
            small.touch()
        hotseat("publish", run, *limit)
        hotseat(
            "model",
            "promote",
            f"{name}@{max(versions(name))}",
            "--because",
            "make models",
        )
        card = json.loads((run / "manifest.json").read_text("utf-8"))["card"]
        (ROOT / "docs/models").mkdir(exist_ok=True)
        (ROOT / f"docs/models/{name}.md").write_text(card, "utf-8")
        _told(name, (time.monotonic() - began) / 60)


def versions(name: str) -> list[int]:
    """Return the numbers of a model's versions in the folder registry."""
    folder = ROOT / ".hotseat/registry/models" / name / "versions"
    return [int(path.stem) for path in folder.glob("*.json")]


def write_pages(names: Sequence[str]) -> None:
    """Compare the variants of each model's newest version on a page with charts."""
    PAGES.mkdir(exist_ok=True)
    published = [name for name in names if versions(name)]
    if not published:
        sys.exit("no model is published in .hotseat/registry: run `make models` first")
    for name in published:
        page = PAGES / f"{name}.html"
        hotseat("compare", name, max(versions(name)), "--html", page)


def _how(name: str, pretrained: bool) -> list[object]:
    """Return how a task is trained."""
    if pretrained and name in (*CHAT, "connect-four", "sokoban-levels"):
        return ["--pretrained"]
    if name in MADE:
        return []
    if name == "chat-moderation-large":
        return []
    return ["--optimizer", "adam", *(["--cv", 5] if name == "player-churn" else [])]


def _told(name: str, minutes: float) -> None:
    """Add what a task took to what is known, and print it all."""
    path = RUNS / "minutes.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    known[name] = round(known.get(name, 0.0) + minutes, 1)
    path.write_text(json.dumps(known), "utf-8")
    each = ", ".join(f"{task} {spent}" for task, spent in known.items())
    sys.stdout.write(f"minutes: {each}; {sum(known.values()):.1f} in all\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
