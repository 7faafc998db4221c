"""The command `hotseat`: find the verb, load it, run it.

A verb is an entry point of the group ``hotseat.verbs``, named `train` or, inside a
group, `model promote`. It is a function that adds its arguments to a parser and
returns the function to run. The result of the second function is the exit code: 0 done,
1 refused, 2 wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint

from hotseat._cli import catalogue, old_spellings

DONE, REFUSED, WRONG = 0, 1, 2

Run = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not be UTF-8
            stream.reconfigure(encoding="utf-8")
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _main(words)
        sys.stdout.flush()  # flush inside the try block, which handles a closed pipe
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


def _main(words: list[str]) -> int:
    if words == ["--version"]:
        from hotseat import __version__

        print(f"hotseat {__version__}")
        return DONE
    if words and (verb := catalogue.find(words)):
        return _run(verb, words[len(verb.name.split()) :])
    if words and words[0] in old_spellings.VERBS:
        words = old_spellings.translate(words)
        if verb := catalogue.find(words):
            return _run(verb, words[len(verb.name.split()) :])
    if (name := catalogue.known(words)) is not None:
        return _missing(name)
    return _help(words)


def _run(entry: EntryPoint, words: list[str]) -> int:
    if entry.name in old_spellings.RETIRED:
        old_spellings.warn(f"hotseat {entry.name}", old_spellings.RETIRED[entry.name])
    parser = argparse.ArgumentParser(
        prog=f"hotseat {entry.name}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    try:
        run: Run = entry.load()(parser)
        if not {"-h", "--help"}.isdisjoint(words):
            parser.description = _wrapped(parser.description)
        return int(run(parser.parse_args(words)))
    except ModuleNotFoundError as error:
        ours = (error.name or "").startswith("hotseat")
        if entry.name not in catalogue.EXTRAS or ours:
            raise
        return _missing(entry.name, error.name)


def _wrapped(description: str | None) -> str | None:
    """Wrap a description to the terminal, unless it contains line breaks."""
    if description is None or "\n" in description:
        return description
    import shutil
    import textwrap

    return textwrap.fill(description, min(shutil.get_terminal_size().columns - 2, 88))


def _missing(name: str, module: str | None = None) -> int:
    from hotseat._cli.install_hint import install_command

    missing = f" ({module} is missing)" if module else ""
    print(
        f"hotseat {name} needs more than the SDK{missing}: "
        f"{install_command(catalogue.EXTRAS[name] or 'ops')}",
        file=sys.stderr,
    )
    return REFUSED


def _help(words: list[str]) -> int:
    """Print the overview or a group's verbs, or name the unknown word."""
    from hotseat._cli import help_text

    verbs = catalogue.installed()
    if not words or words[0] in {"-h", "--help"}:
        print(help_text.overview(verbs))
        return DONE if words else WRONG
    group, rest = words[0], words[1:]
    if group not in catalogue.groups(verbs):
        print(help_text.unknown(group, verbs), file=sys.stderr)
        return WRONG
    if not rest or rest[0] in {"-h", "--help"}:
        print(help_text.group(group, verbs))
        return DONE if rest else WRONG
    print(help_text.unknown(f"{group} {rest[0]}", verbs), file=sys.stderr)
    return WRONG
