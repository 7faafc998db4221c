"""The verbs of the command: of the SDK, of installed packages, of missing extras."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

GROUP = "hotseat.verbs"

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "from data to a version": {
        "train": "train",
        "tune": "search",
        "federate": "train",
        "finetune": "language",
        "evaluate": "train",
        "compare": "train",
        "quantize": "train",
        "optimize": "train",
        "publish": "publish",
        "index": "publish",
        "inspect": "publish",
        "explain": "publish",
    },
    "models": {
        "model versions": "ops",
        "model show": "ops",
        "model diff": "ops",
        "model history": "ops",
        "model promote": "ops",
        "model rollback": "ops",
        "model gate": "ops",
        "model approve": "ops",
        "model revoke": "ops",
        "model sign": "ops",
        "model verify": "ops",
        "model download": "",
        "model export": "publish",
        "model decrypt": "serve",
    },
    "registry": {
        "registry access": "ops",
        "registry sign": "ops",
        "registry unsign": "ops",
        "registry gc": "ops",
        "registry copy": "ops",
        "registry export": "ops",
        "registry import": "ops",
    },
    "deployment": {
        "deploy check": "infra",
        "deploy cost": "infra",
        "deploy rollback": "infra",
        "deploy prune": "infra",
        "deploy zip": "infra",
        "deploy bake": "ops",
    },
    "running": {
        "serve": "serve",
        "token": "ops",
        "predict": "",
        "generate": "",
        "demo": "",
    },
}
"""Our verbs in the order of the help, each with its extra of hotseat-platform; empty
for a verb of the SDK. Without the platform there are no entry points, so the command
takes the name of the extra from this table."""

EXTRAS = {verb: extra for verbs in SECTIONS.values() for verb, extra in verbs.items()}

_SDK = {
    name: EntryPoint(name, target, GROUP)
    for name, target in {
        "predict": "hotseat._cli.predict:predict",
        "generate": "hotseat._cli.generate:generate",
        "demo": "hotseat._cli.demo:demo",
        "model download": "hotseat._cli.download:download",
    }.items()
}


def find(words: Sequence[str]) -> EntryPoint | None:
    """Return the verb of these words, in a group or alone."""
    names = (" ".join(words[:2]), words[0])
    for name in names:  # the SDK's first: reading entry points is slow
        if name in _SDK:
            return _SDK[name]
    verbs = installed()
    return next((verbs[name] for name in names if name in verbs), None)


def installed() -> dict[str, EntryPoint]:
    """Return all installed verbs by name."""
    verbs = dict(_SDK)
    for entry in entry_points(group=GROUP):
        verbs.setdefault(entry.name, entry)
    return verbs


def known(words: Sequence[str]) -> str | None:
    """Return the name of our verb for these words, installed or not."""
    names = (" ".join(words[:2]), *words[:1])
    return next((name for name in names if name in EXTRAS), None)


def groups(verbs: Iterable[str]) -> set[str]:
    """Return the names of the groups."""
    return {name.split()[0] for name in {*verbs, *EXTRAS} if " " in name}
