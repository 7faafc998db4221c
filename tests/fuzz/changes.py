"""Documents and bytes as a stranger, a broken disk or a newer release leaves them."""

import copy

from hypothesis import strategies as st

WEIRD = [
    None, True, False, -1, 0, 1, 1.5, 2**31, 2**63, 10**40, 1e308, float("nan"),
    float("inf"), "", "\0", "x" * 300, "../..", "/etc/passwd", "C:\\x", "con",
    "\u202e", "\ud800", "9" * 30, "NaN", "ab" * 32, "2026-11-23T12:00",
    "0001-01-01T00:00+23:59", "model.onnx", "live", [], {}, [[]], [None], {"": {}},
    {"a": {"b": []}}, ["x"], [1, 2],
]  # fmt: skip
"""Values that a reader may not expect."""
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.sampled_from(WEIRD) | st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(document, here=()):
    """Yield the path of every value inside a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield (*here, key)
        if isinstance(value, dict | list):
            yield from places(value, (*here, key))


@st.composite
def changed(draw, document):
    """A document of which a few values were replaced, removed, added or exchanged."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        there = list(places(document))
        if not there:
            return document
        *way, key = draw(st.sampled_from(there))
        holder = document
        for step in way:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "replace", "remove", "add", "copy"])):
            case "replace":
                holder[key] = copy.deepcopy(draw(values))
            case "remove":
                del holder[key]
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=4))] = copy.deepcopy(draw(values))
            case "add":
                holder.append(copy.deepcopy(draw(values)))
            case "copy":
                *other, last = draw(st.sampled_from(there))
                source = document
                for step in (*other, last):
                    source = source[step] if _has(source, step) else None
                holder[key] = copy.deepcopy(source)
    return document


def _has(holder, key):
    if isinstance(holder, dict):
        return key in holder
    return isinstance(holder, list) and isinstance(key, int) and key < len(holder)


@st.composite
def damaged(draw, data):
    """Bytes of which some were changed, cut out, put in or cut off."""
    data = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "insert", "remove", "end", "repeat"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "insert":
                data[at:at] = draw(st.binary(max_size=8))
            case "remove":
                del data[at : at + draw(st.integers(1, 64))]
            case "end":
                del data[at:]
            case "repeat":
                data[at:at] = data[at : at + 600]
    return bytes(data)
