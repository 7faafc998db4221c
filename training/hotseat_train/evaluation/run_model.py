"""Opens a variant of a run as the service opens a published one."""

from hotseat_registry import Manifest, Variant
from hotseat_serve.runtime.codec_files import open_files
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.run import Run


def open_variant(source: Run, manifest: Manifest, variant: Variant) -> LoadedModel:
    """Return the open variant; raises `IntegrityError` for a file that is none."""
    signature = manifest.signature
    return LoadedModel(
        manifest,
        variant.name,
        Session(source.folder / variant.file, optimized=bool(variant.optimized)),
        files=open_files(
            signature, {name: source.folder / name for name in signature.files}
        ),
    )
