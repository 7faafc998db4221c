"""Default reason codes and texts of a version's fields, in three languages."""

import json
from collections.abc import Mapping, Sequence

from hotseat_registry.signature import Signature
from hotseat_serve.codec.features import NOW
from hotseat_serve.kinds.reason_codes import DIRECTIONS, FORMAT

_LABEL = {
    "for": {
        "en": "{part} speaks for {answer}",
        "de": "{part} spricht für {answer}",
        "zh": "{part} 支持 {answer}",
    },
    "against": {
        "en": "{part} speaks against {answer}",
        "de": "{part} spricht gegen {answer}",
        "zh": "{part} 不支持 {answer}",
    },
}
_NUMBER = {
    "for": {
        "en": "{part} raises the value",
        "de": "{part} erhöht den Wert",
        "zh": "{part} 使数值升高",
    },
    "against": {
        "en": "{part} lowers the value",
        "de": "{part} senkt den Wert",
        "zh": "{part} 使数值降低",
    },
}


def default(signature: Signature, groups: Mapping[str, Sequence[str]]) -> bytes:
    """Return the file of reasons: two codes for each field and group.

    A code is the part's name and the direction, ``hours.for``, and stays the same as
    long as the field has its name.
    """
    fields = [
        field.name
        for item in signature.inputs
        for field in item.fields or ()
        if field.default != NOW
    ]
    texts = _LABEL if signature.labels else _NUMBER
    value = {
        "format": FORMAT,
        "language": "en",
        "reasons": {
            part: {
                direction: {"code": f"{part}.{direction}", "texts": texts[direction]}
                for direction in DIRECTIONS
            }
            for part in (*groups, *fields)
        },
    }
    return f"{json.dumps(value, ensure_ascii=False, indent=1)}\n".encode()
