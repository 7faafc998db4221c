"""The command `hotseat`: it knows every verb, and loads the one that is called.

A verb is an entry point of the group ``hotseat.verbs``: a function that adds its
arguments to a parser and returns what to run with them. What runs returns the exit
code: 0 done, 1 refused, 2 wrong usage.
"""

import argparse
import difflib
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from hotseat._client import ModelServiceClient
from hotseat.errors import HotseatError, TransportError

DONE, REFUSED, WRONG = 0, 1, 2

Run = Callable[[argparse.Namespace], int]
Verb = Callable[[argparse.ArgumentParser], Run]

# group, extra of hotseat-platform, verbs with what they do
_ROOMS = (
    (
        "asking",
        "",
        {
            "predict": "ask a model service",
            "download": "bring a version here, to answer when the service is away",
        },
    ),
    (
        "training",
        "train",
        {
            "train": "train a task on its data",
            "optimizers": "show how the optimizers compare on one task",
            "quantize": "make a run's graph smaller, and measure what it lost",
            "optimize": "measure how each graph starts fastest, and keep that",
            "evaluate": "measure a run's variants on the test split",
            "publish": "publish a measured run as a version",
            "compare": "put candidates side by side, and say which one to take",
        },
    ),
    ("training, searching", "search", {"search": "search for settings that fit best"}),
    (
        "the registry, looking",
        "ops",
        {
            "versions": "list a model's versions, or all models",
            "show": "show one version: its card, its manifest",
            "history": "show who moved which alias when, and why",
            "diff": "show what changed from one version to another",
            "verify": "check every byte of a version, or of the whole registry",
        },
    ),
    (
        "the registry, moving",
        "ops",
        {
            "promote": "move an alias to a version",
            "rollback": "move an alias back to where it stood before",
            "gate": "show or set what a version must pass to become live",
            "sign": "vouch for a version with a key",
        },
    ),
    (
        "the registry, keeping house",
        "ops",
        {
            "gc": "retire versions that nothing needs, remove unnamed blobs",
            "copy": "copy a version to another registry",
            "export": "write a version into one file",
            "import": "publish the version in such a file",
            "bake": "write a version into the image of a static deployment",
        },
    ),
    ("serving", "serve", {"serve": "serve a registry's models on this machine"}),
    (
        "deploying",
        "infra",
        {
            "check": "hold a deployment file against the registry",
            "cost": "say what a stage costs a month, and what other ways would",
        },
    ),
)
_EXTRAS = {verb: extra for _, extra, verbs in _ROOMS for verb in verbs}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not be UTF-8
            stream.reconfigure(encoding="utf-8")
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _main(given)
        sys.stdout.flush()  # here, where a closed pipe is still expected
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


def _main(given: list[str]) -> int:
    verbs: dict[str, Verb | EntryPoint] = {"predict": predict, "download": download}
    if (
        not given or given[0] not in verbs
    ):  # looking through what is installed takes a while
        for entry in entry_points(group="hotseat.verbs"):
            verbs.setdefault(entry.name, entry)
    if not given or given[0] in {"-h", "--help"}:
        print(_help(set(verbs)))
        return DONE if given else WRONG
    if given[0] == "--version":
        from hotseat import __version__

        print(f"hotseat {__version__}")
        return DONE
    name = given[0]
    if name not in verbs and name not in _EXTRAS:
        close = difflib.get_close_matches(name, {*verbs, *_EXTRAS}, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        print(f"hotseat: no verb {name!r}{hint} (hotseat --help)", file=sys.stderr)
        return WRONG
    if name not in verbs:
        return _missing(name)
    found = verbs[name]
    parser = argparse.ArgumentParser(prog=f"hotseat {name}")
    try:
        verb = found.load() if isinstance(found, EntryPoint) else found
        run = verb(parser)
        return int(run(parser.parse_args(given[1:])))
    except ModuleNotFoundError as error:
        if name not in _EXTRAS or (error.name or "").startswith("hotseat"):
            raise
        return _missing(name, error.name)


def _missing(name: str, module: str | None = None) -> int:
    extra = _EXTRAS.get(name) or "ops"
    lacking = f" ({module} is missing)" if module else ""
    print(
        f"hotseat {name} needs more than the SDK{lacking}: "
        f"pip install 'hotseat-platform[{extra}]'",
        file=sys.stderr,
    )
    return REFUSED


def _help(there: set[str]) -> str:
    lines = [
        "usage: hotseat VERB ...   (hotseat VERB --help tells more)",
        "",
        "Model-as-a-Service for games: train small models, publish them as versions,",
        "serve them, move an alias to change what is live, and back again.",
    ]
    for room, extra, verbs in _ROOMS:
        missing = not there.issuperset(verbs)
        install = f"   pip install 'hotseat-platform[{extra}]'" if missing else ""
        lines += ["", f"{room}:{install}"]
        lines += [f"  {verb:<10} {what}" for verb, what in verbs.items()]
    lines += [
        "",
        "A version is written sentiment@3, an alias sentiment#live.",
        "exit codes: 0 done, 1 refused, 2 wrong usage",
        "",
        'example: hotseat predict "这是一个简单的文本分类任务"',
    ]
    return "\n".join(lines)


def predict(parser: argparse.ArgumentParser) -> Run:
    """Ask a model service."""
    parser.description = "Ask a model service about one input."
    parser.epilog = 'example: hotseat predict "这是一个简单的文本分类任务" --json'
    parser.add_argument("text", nargs="?", help="the text to ask about")
    parser.add_argument(
        "--input", metavar="FILE", help="read the input as JSON from a file, or - "
    )
    parser.add_argument("--model", help="default: the service's own")
    parser.add_argument("--version", help="a number or an alias (default: live)")
    parser.add_argument("--url", help="default: HOTSEAT_URL, else localhost:8080")
    parser.add_argument("--deadline", type=float, default=2.0, help="seconds (2)")
    parser.add_argument("--json", action="store_true", help="print the whole answer")

    def run(arguments: argparse.Namespace) -> int:
        if (arguments.text is None) == (arguments.input is None):
            parser.error("give a text, or --input FILE")
        value = arguments.text if arguments.input is None else _input(arguments, parser)
        return _predict(arguments, value)

    return run


def _input(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> Any:
    try:
        file = arguments.input  # bytes: json finds the encoding, a BOM as well
        return json.loads(
            sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        )
    except (OSError, ValueError, RecursionError) as error:
        parser.error(f"--input {arguments.input}: {error}")


def _predict(arguments: argparse.Namespace, value: Any) -> int:
    try:
        with ModelServiceClient(arguments.url, deadline=arguments.deadline) as client:
            answer = client.predict(
                value, model=arguments.model, version=arguments.version
            )
    except HotseatError as error:
        away = isinstance(error, TransportError)
        hint = "; does it run (hotseat serve), or is it at another --url?"
        print(f"hotseat: {error}{hint if away else ''}", file=sys.stderr)
        return REFUSED
    if arguments.json:
        print(json.dumps(answer.raw, ensure_ascii=False, indent=2))
        return DONE
    said = answer.label if answer.label is not None else answer.value
    sure = "" if answer.probability is None else f" {answer.probability:.1%}"
    print(f"{said}{sure}   {answer.model}@{answer.version} ({answer.variant}), "
          f"{1000 * answer.latency:.0f} ms")  # fmt: skip
    return DONE


def download(parser: argparse.ArgumentParser) -> Run:
    """Bring a version to this device."""
    parser.description = (
        "Bring a version here, checked, for a game that answers without the service: "
        "client.download(reference, folder=FOLDER) finds it."
    )
    parser.epilog = "example: hotseat download connect-four#live --folder assets/models"
    parser.add_argument("reference", help="connect-four#live or connect-four@3")
    parser.add_argument("--folder", help="default: this user's folder for caches")
    parser.add_argument(
        "--trust",
        metavar="FILE",
        action="append",
        default=[],
        help="a public key (PEM); only what it signed is taken",
    )
    parser.add_argument("--url", help="default: HOTSEAT_URL, else localhost:8080")
    parser.add_argument("--deadline", type=float, default=60.0, help="seconds (60)")
    return _download


def _download(arguments: argparse.Namespace) -> int:
    try:
        with ModelServiceClient(arguments.url) as client:
            found = client.download(
                arguments.reference,
                folder=arguments.folder,
                trust=arguments.trust,
                refresh=0,
                deadline=arguments.deadline,
            )
    except HotseatError as error:
        print(f"hotseat: {error}", file=sys.stderr)
        return REFUSED
    signed = f", signed by key {found.signed_by[:16]}..." if found.signed_by else ""
    print(f"{found.model}@{found.version} ({found.variant}){signed}: {found.folder}")
    if not found.is_current:
        print("the service was not there: this is what was good before",
              file=sys.stderr)  # fmt: skip
    return DONE


if __name__ == "__main__":
    sys.exit(main())
