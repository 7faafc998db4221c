"""The help of the command and of its groups, generated from the installed verbs."""

import argparse
import difflib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint

from hotseat._cli import old_spellings
from hotseat._cli.catalogue import EXTRAS, SECTIONS
from hotseat._cli.install_hint import install_command

Verbs = Mapping[str, EntryPoint]

_GROUPS = {
    "model": "List, check, promote and roll back the versions of a model.",
    "registry": "Clean up a registry, and move versions between registries.",
    "deploy": "Check a deployment before the rollout: models, signatures, cost.",
}
_EXAMPLES = {
    "model": 'hotseat model promote sentiment@2 --because "better on slang"',
    "registry": "hotseat registry gc --keep 30 --dry-run",
    "deploy": "hotseat deploy check --stage prod",
}


def overview(verbs: Verbs) -> str:
    """Return the help of `hotseat --help`."""
    lines = [
        "usage: hotseat VERB ...         (hotseat VERB --help explains a verb)",
        "       hotseat GROUP VERB ...   (hotseat GROUP --help lists its verbs)",
        "",
        "Model-as-a-Service for games: train small models, publish them as versions,",
        "serve them, promote a version to live, and roll back.",
    ]
    for title, ours in SECTIONS.items():
        words = {name.split()[0] for name in ours if " " in name}
        more = [name for name in verbs if name.split()[0] in words and " " in name]
        lines += ["", f"{title}:", *_lines(dict.fromkeys((*ours, *more)), verbs)]
    lines += _others(verbs)
    lines += [
        "",
        "A version is written sentiment@3, an alias sentiment#live.",
        "exit codes: 0 done, 1 refused, 2 wrong usage",
        "",
        "example: hotseat demo",
        'example: hotseat predict "这是一个简单的文本分类任务"',
        'example: hotseat model rollback sentiment --because "false alarms"',
    ]
    return "\n".join(lines)


def group(name: str, verbs: Verbs) -> str:
    """Return the help of `hotseat GROUP --help`."""
    members = dict.fromkeys(
        verb for verb in (*EXTRAS, *verbs) if verb.startswith(f"{name} ")
    )
    lines = [
        f"usage: hotseat {name} VERB ...   (hotseat {name} VERB --help explains it)",
        "",
    ]
    if name in _GROUPS:
        lines += [_GROUPS[name], ""]
    lines += _lines(members, verbs)
    if name in _EXAMPLES:
        lines += ["", f"example: {_EXAMPLES[name]}"]
    return "\n".join(lines)


def unknown(name: str, verbs: Verbs) -> str:
    """Return the message for an unknown verb, with the most similar verb."""
    names = {verb.split()[-1]: verb for verb in (*verbs, *EXTRAS)}
    names |= {verb: verb for verb in names.values()}
    close = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {names[close[0]]!r}?" if close else ""
    return f"hotseat: no verb {name!r}{hint} (hotseat --help)"


def _others(verbs: Verbs) -> Iterator[str]:
    """Yield a section for each other package with verbs."""
    ours = {name.split()[0] for name in EXTRAS} | set(old_spellings.RETIRED)
    packages: dict[str, list[str]] = {}
    for name, entry in verbs.items():
        if name.split()[0] not in ours:
            package = entry.dist.name if entry.dist else "other packages"
            packages.setdefault(package, []).append(name)
    for package, names in packages.items():
        yield from ("", f"from {package}:", *_lines(names, verbs))


def _lines(names: Iterable[str], verbs: Verbs) -> Iterator[str]:
    """Yield one line for each verb; then, by extra, the missing verbs."""
    missing: dict[str, list[str]] = {}
    for name in names:
        text = _summary(verbs[name]) if name in verbs else None
        if text is None:
            missing.setdefault(EXTRAS.get(name, ""), []).append(name)
        else:
            yield f"  {name:<16} {text}"
    for extra, absent in missing.items():
        yield f"  not installed: {', '.join(absent)}"
        if extra:
            yield f"    {install_command(extra)}"


def _summary(entry: EntryPoint) -> str | None:
    """Return a verb's help in one line, or None if one of its libraries is missing.

    It is the first line of the function's docstring, else of its parser's
    description.
    """
    try:
        verb = entry.load()
        text = verb.__doc__
        if not text:
            parser = argparse.ArgumentParser()
            verb(parser)
            text = parser.description
    except ImportError:
        return None
    except Exception as error:  # noqa: BLE001 (another package's code)
        return f"cannot be loaded: {error}"
    line = (text or "").strip().partition("\n")[0].rstrip(".")
    return line[:1].lower() + line[1:]
