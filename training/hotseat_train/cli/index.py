"""The verb `index`."""

import argparse
import tempfile
from pathlib import Path

from hotseat_registry.cli.common import (
    Run,
    add_encrypt,
    add_registry,
    answering,
    registry,
    watched,
)
from hotseat_train.errors import TrainError

# numpy and onnxruntime are imported by the verb that runs


def index(parser: argparse.ArgumentParser) -> Run:
    """Publish documents to search as the next version of a model."""
    parser.description = (
        "Embed documents with a published encoder and publish them as a version of "
        "kind retrieval, which answers a text with the nearest documents. FILE is a "
        ".txt file with one a line, a .jsonl file with an object a line or a .csv "
        "file; fields beside text and id are metadata, by which a request may filter."
    )
    parser.epilog = "example: hotseat index lore.jsonl --encoder encoder#live"
    parser.add_argument("file", type=Path, help="the documents")
    parser.add_argument(
        "--encoder", required=True, metavar="MODEL",
        help="a version of kind embedding that reads texts: encoder@1, encoder#live",
    )  # fmt: skip
    parser.add_argument(
        "--model", metavar="NAME", help="the model's name (default: the file's)"
    )
    parser.add_argument(
        "--text", default="text", metavar="FIELD", help="the text's field (text)"
    )
    parser.add_argument(
        "--id", default="id", metavar="FIELD", help="the id's field (id)"
    )
    parser.add_argument(
        "--half", action="store_true", help="store vectors as 16-bit floats"
    )
    add_registry(parser)
    add_encrypt(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="do everything except publishing"
    )
    parser.add_argument("--json", action="store_true", help="print the manifest")
    return _index


@answering(TrainError)
def _index(arguments: argparse.Namespace) -> int:
    from hotseat_registry import Reference
    from hotseat_train.cli.external import model_name, publish_prepared
    from hotseat_train.external import documents, search_index

    found = documents.read(arguments.file, arguments.text, arguments.id)
    with tempfile.TemporaryDirectory() as name:
        with watched() as progress:
            prepared = search_index.prepare(
                found,
                Reference.parse(arguments.encoder),
                arguments.model or model_name(str(arguments.file)),
                registry(arguments),
                Path(name),
                source=arguments.file.name,
                half=arguments.half,
                progress=progress,
            )
        if not arguments.json:
            (variant,) = prepared.manifest.variants
            print(f"  {len(found.ids):,} documents, fields: "
                  f"{', '.join(found.metadata) or 'none'}")  # fmt: skip
            print(f"  a search takes {variant.metrics['milliseconds']:.2f} ms, a cold "
                  f"start {variant.metrics['cold_start_ms']:.0f} ms")  # fmt: skip
        return publish_prepared(prepared, arguments)
