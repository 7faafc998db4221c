"""The verbs of the command: those of the SDK, those installed, those one can add."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

GROUP = "hotseat.verbs"

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "from data to a version": {
        "train": "train",
        "tune": "search",
        "evaluate": "train",
        "compare": "train",
        "quantize": "train",
        "optimize": "train",
        "publish": "publish",
        "inspect": "publish",
    },
    "models": {
        "model versions": "ops",
        "model show": "ops",
        "model diff": "ops",
        "model history": "ops",
        "model promote": "ops",
        "model rollback": "ops",
        "model gate": "ops",
        "model sign": "ops",
        "model verify": "ops",
        "model download": "",
    },
    "registry": {
        "registry gc": "ops",
        "registry copy": "ops",
        "registry export": "ops",
        "registry import": "ops",
    },
    "deployment": {
        "deploy check": "infra",
        "deploy cost": "infra",
        "deploy bake": "ops",
    },
    "running": {"serve": "serve", "predict": "", "generate": "", "demo": ""},
}
"""Our verbs in the order of the help; each with the extra of hotseat-platform that
brings it, empty for the SDK's own. Without the platform its entry points are not
there to be read, and the command still names the extra to install."""

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
    """Return the verb that the words name, in a group or alone."""
    names = (" ".join(words[:2]), words[0])
    for name in names:  # reading what is installed takes a while
        if name in _SDK:
            return _SDK[name]
    verbs = installed()
    return next((verbs[name] for name in names if name in verbs), None)


def installed() -> dict[str, EntryPoint]:
    """Return every verb that is installed, by its name."""
    verbs = dict(_SDK)
    for entry in entry_points(group=GROUP):
        verbs.setdefault(entry.name, entry)
    return verbs


def known(words: Sequence[str]) -> str | None:
    """Return the name of our verb that the words name, installed or not."""
    names = (" ".join(words[:2]), *words[:1])
    return next((name for name in names if name in EXTRAS), None)


def groups(verbs: Iterable[str]) -> set[str]:
    """Return the first words of the verbs that stand in a group."""
    return {name.split()[0] for name in {*verbs, *EXTRAS} if " " in name}
