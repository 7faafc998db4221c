"""The verb `explain`."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from hotseat_registry.cli.common import (
    DONE,
    REFUSED,
    Run,
    add_registry,
    add_trust,
    answering,
    print_json,
    registry,
)
from hotseat_registry.names import Reference
from hotseat_train.errors import TrainError

# onnxruntime is imported by the verb that runs


def explain(parser: argparse.ArgumentParser) -> Run:
    """Explain a version's answer to one input."""
    parser.description = (
        "Answer one input as the service does, and print the weight of each part of "
        "it: exact Shapley values of trees and linear models, of any model of up to "
        "ten fields by all coalitions, of more fields and texts by sampling; of a "
        "policy the value of each legal move, of a generator the rules that refused "
        "candidates. --out draws a page."
    )
    parser.epilog = (
        'example: hotseat explain chat-moderation "you are trash"\n'
        'example: hotseat explain player-churn#live \'{"jan": 40, "sep": 1}\' '
        "--out why.html"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("reference", help="a version: sentiment, sentiment@3")
    parser.add_argument(
        "input", help="a text, or JSON as in a request's `input`; - reads it"
    )
    parser.add_argument(
        "--options",
        metavar="JSON",
        default="{}",
        help='of the request: \'{"seed": 1, "level": "easy", "explain": {"method": '
        '"sampling"}}\'',
    )
    parser.add_argument(
        "--language", help="of the reasons' texts (default: the version's own)"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="write a page (HTML) that draws it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_registry(parser)
    add_trust(parser)
    return _explain


@answering(TrainError)
def _explain(arguments: argparse.Namespace) -> int:
    from hotseat_serve.kinds.options import Options
    from hotseat_serve.kinds.request_context import RequestContext
    from hotseat_serve.problems import Problem
    from hotseat_serve.runtime import loader
    from hotseat_serve.settings import Settings
    from hotseat_train.reports import explanation_bars, explanation_page

    text = sys.stdin.read() if arguments.input == "-" else arguments.input
    given = _given(text)
    context = RequestContext()
    with tempfile.TemporaryDirectory() as folder:
        model = loader.load(
            registry(arguments),
            Reference.parse(arguments.reference),
            Settings(registry=arguments.registry, cache=folder),
        )
        try:
            asked = _options(arguments)
            options = Options.read({"options": asked}, context.warnings)
            found = model.explain(given, "/input", options, context)
        except Problem as problem:
            print(f"hotseat: {problem.detail}", file=sys.stderr)
            return REFUSED
    for warning in context.warnings.to_json():
        print(f"hotseat: {warning['detail']}", file=sys.stderr)
    reference = model.manifest.reference
    if arguments.out is not None:
        drawn = explanation_page.page(reference, given, found)
        arguments.out.write_text(drawn, "utf-8")
    if arguments.json:
        return print_json(found)
    print(f"{reference}: " + "\n".join(explanation_bars.lines(found)))
    if arguments.out is not None:
        print(f"  page: {arguments.out}")
    return DONE


def _given(text: str) -> Any:
    """Return an input: JSON's objects and lists, and any other text as it is."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the request's options; raises `Problem`."""
    from hotseat_serve.wording import invalid

    try:
        options = json.loads(arguments.options)
    except ValueError as error:
        raise invalid(f"--options is no JSON: {error}", "/options") from None
    if not isinstance(options, dict):
        raise invalid("--options: expected an object", "/options")
    explain = options.get("explain")
    if arguments.language is not None:
        more = explain if isinstance(explain, dict) else {}
        options["explain"] = {**more, "language": arguments.language}
    return options
