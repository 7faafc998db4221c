"""The files of a version that explanations read, checked before they are published."""

from pathlib import Path

from hotseat_registry.errors import IntegrityError
from hotseat_registry.signature import Signature
from hotseat_serve.codec import game_json
from hotseat_serve.kinds import background as backgrounds
from hotseat_serve.kinds import reason_codes
from hotseat_serve.problems import Problem


def checked(
    signature: Signature, background: Path | None, reasons: Path | None
) -> dict[str, Path]:
    """Return the files that exist, by their names in a version.

    Raises `IntegrityError` for one that cannot be read, and for a background row that
    the model would not take.
    """
    files = {}
    if background is not None and background.exists():
        check_background(signature, background.read_bytes())
        files[backgrounds.FILE] = background
    if reasons is not None and reasons.exists():
        reason_codes.read(reasons.read_bytes())
        files[reason_codes.FILE] = reasons
    return files


def check_background(signature: Signature, data: bytes) -> None:
    """Raise `IntegrityError` unless each row is an input of this signature."""
    fields = [field.name for item in signature.inputs for field in item.fields or ()]
    found = backgrounds.read(data, fields)
    for at, row in enumerate(found.rows):
        try:
            game_json.encode(signature, [row], [f"/rows/{at}"])
        except Problem as problem:
            raise IntegrityError(f"{backgrounds.FILE}: {problem.detail}") from None
