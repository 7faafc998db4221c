"""Write the generated reference pages while MkDocs builds the site.

The pages of the command, the errors and the settings come from the parsers, from
sdk/spec/errors.json and from `hotseat_serve.settings`, so that they cannot differ.
"""

import argparse
import ast
import dataclasses
import inspect
import json
import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from hotseat._cli import catalogue
from hotseat_serve.settings import Settings

ROOT = Path(__file__).parents[2]
_CLI_HEAD = (
    "# The command\n\n`hotseat VERB --help` prints the same text. "
    "Exit codes: 0 success, 1 refused, 2 wrong usage.\n"
)
LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)[^)#\s]+)(?:#[^)]*)?\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for name, text in {
        "reference/cli.md": cli_page(),
        "reference/errors.md": errors_page(),
        "reference/settings.md": settings_page(),
    }.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(
    markdown: str, *, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Replace links to files outside the site with the file's path in the checkout."""
    del files
    folder = Path(config.docs_dir, page.file.src_uri).parent

    def replace(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / link[2]))
        if target.is_relative_to(config.docs_dir):
            return link[0]
        path = target.relative_to(ROOT)
        return f"{link[1]} (`{path}`)" if link[1] != f"`{path}`" else link[1]

    return LINK.sub(replace, markdown)


def cli_page() -> str:
    """Return the reference of the command: the help of each verb."""
    parts = [_CLI_HEAD]
    os.environ["COLUMNS"] = "88"
    verbs = catalogue.installed()
    for section, names in catalogue.SECTIONS.items():
        parts.append(f"\n## {section.capitalize()}\n")
        for name in names:
            parser = argparse.ArgumentParser(prog=f"hotseat {name}")
            verbs[name].load()(parser)
            text = parser.format_help().rstrip()
            parts.append(f"\n### hotseat {name}\n\n```text\n{text}\n```\n")
    return "".join(parts)


def errors_page() -> str:
    """Return the reference of the errors: codes, classes and whether to try again."""
    rows = json.loads((ROOT / "sdk/spec/errors.json").read_text("utf-8"))
    lines = [
        f"| `{row['code']}` | {row['status']} | `{row['class']}` "
        f"| {'yes' if row['retryable'] else 'no'} | {_cell(row['meaning'])} |"
        for row in rows
    ]
    return (
        "# Errors\n\n"
        "An error is a problem document (RFC 9457) with a `code`. The SDKs raise the\n"
        "class of the code, and try again only if the column says yes.\n\n"
        "| code | status | class in the SDK | try again | meaning |\n"
        "|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def settings_page() -> str:
    """Return the reference of the function's settings."""
    meanings = _field_docstrings(Settings)
    lines = [
        f"| `HOTSEAT_{field.name.upper()}` | {_default(field.default)} "
        f"| {_cell(meanings.get(field.name, ''))} |"
        for field in dataclasses.fields(Settings)
    ]
    return (
        "# Settings\n\n"
        "Environment variables of the function and of `hotseat serve`.\n\n"
        "| variable | default | meaning |\n|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"`{value}`" if value != "" else "empty"


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def _field_docstrings(cls: type) -> dict[str, str]:
    """Return the string below each field of a dataclass, by the field's name."""
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ):
                found[name] = meaning
    return found
