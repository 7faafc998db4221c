"""Spellings of the last release, accepted for one more release."""

import sys
from collections.abc import Sequence

VERBS = {
    "search": "tune",
    **{
        verb: f"model {verb}"
        for verb in (
            "versions",
            "show",
            "diff",
            "history",
            "promote",
            "rollback",
            "gate",
            "sign",
            "verify",
            "download",
        )
    },
    **{verb: f"registry {verb}" for verb in ("gc", "copy", "export", "import")},
    **{verb: f"deploy {verb}" for verb in ("check", "cost", "bake")},
}

RETIRED = {"optimizers": "python -m hotseat_train.cli.optimizers"}
"""Verbs to be removed from the command, with their replacements."""


def translate(words: Sequence[str]) -> list[str]:
    """Return the words in the new spelling, and warn about the old spelling."""
    new = VERBS[words[0]]
    warn(f"hotseat {words[0]}", f"hotseat {new}")
    return [*new.split(), *words[1:]]


def warn(old: str, new: str) -> None:
    """Print the new spelling to stderr, which no script parses."""
    print(
        f"hotseat: '{old}' is now '{new}'; the old spelling goes in the next release",
        file=sys.stderr,
    )
