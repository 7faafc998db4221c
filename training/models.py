"""All models, one after the other: ``make models``.

Each is trained, made small, measured, published to the folder registry and promoted;
its card, and of what is fitted to rows a page that compares its variants, is written to
docs/models. A task whose run is there already is not trained again, so an interrupted
`make models` goes on where it was; minutes.json beside the runs tells how long each
took, without what an interruption lost. With --trained the two games and the chat take
the graphs that came along instead of training for an hour; of the maps that are
somebody's designs none came along, and they are learned in a minute.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = ROOT / ".hotseat/runs/models"
HOTSEAT = Path(sys.executable).with_name("hotseat")
FITTED = ("sentiment", "player-churn", "chat-moderation")
SMALLER = {
    "sentiment": (("--max-loss", "0.5%"),),
    "chat-moderation": (("--method", "all", "--max-loss", "0.5%"),),
    "player-churn": (("--max-loss", "0.5%"),),
}
"""How each is made smaller; of trees there are fewer, and all are told in the card."""
MADE = ("connect-four", "sokoban-levels", "mario-levels")


def hotseat(*words: object) -> None:
    """Run the command as anybody would."""
    command = [HOTSEAT, *map(str, words)]
    subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603 (our own command)


def main() -> None:
    """Make them all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join((*FITTED, *MADE))}")
    parser.add_argument(
        "--trained", action="store_true", help="do not play for an hour"
    )
    given = parser.parse_args()
    for name in given.names or (*MADE, *FITTED):
        began = time.monotonic()
        run = RUNS / name
        if not (run / "manifest.json").exists():
            if name in MADE:
                more = ["--trained"] if given.trained and name != "mario-levels" else []
                hotseat("train", name, "--run", run, *more)
            else:
                if name == "chat-moderation" and given.trained:
                    hotseat("train", name, "--trained", "--run", run)
                else:
                    more = ["--cv", 5] if name == "player-churn" else []
                    hotseat("train", name, "--optimizer", "adam", "--run", run, *more)
                    for words in SMALLER.get(name, ()):
                        hotseat("quantize", run, *words)
                hotseat("evaluate", run)
        hotseat("publish", run)
        newest = (ROOT / ".hotseat/registry/models" / name / "versions").glob("*.json")
        number = max(int(path.stem) for path in newest)
        hotseat("promote", f"{name}@{number}", "--because", "make models")
        card = json.loads((run / "manifest.json").read_text("utf-8"))["card"]
        (ROOT / "docs/models").mkdir(exist_ok=True)
        (ROOT / f"docs/models/{name}.md").write_text(card, "utf-8")
        if name in FITTED:
            hotseat("compare", name, number, "--html", f"docs/models/{name}.html")
        _told(name, (time.monotonic() - began) / 60)


def _told(name: str, minutes: float) -> None:
    """Add what a task took to what is known, and print it all."""
    path = RUNS / "minutes.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    known[name] = round(known.get(name, 0.0) + minutes, 1)
    path.write_text(json.dumps(known), "utf-8")
    each = ", ".join(f"{task} {spent}" for task, spent in known.items())
    print(f"minutes: {each}; {sum(known.values()):.1f} in all", flush=True)


if __name__ == "__main__":
    main()
