"""What a sampled log line says of inputs: buckets and forms by the signature."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_registry import Field, Input, Output, Signature
from hotseat_registry.errors import StoreError
from hotseat_serve.privacy.masking import is_masked, mask_inputs
from hotseat_serve.privacy.pseudonyms import Pseudonyms, open_pseudonyms
from hotseat_serve.privacy.shape import shape, text_shape

FIELDS = (
    Field("hours", observed=(0, 50)),
    Field("gold"),
    Field("class", type="category", known=("mage", "rogue")),
    Field("note", type="text"),
)
TABLE = Signature(
    (Input("x", "FP32", (-1, 4), "features", fields=FIELDS),),
    (Output("value", "FP32", (-1,)),),
)
TEXT = Signature(
    (Input("text", "BYTES", (-1,), "text"),), (Output("value", "FP32", (-1,)),)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_fields_are_buckets():
    """A tenth of the observed range, a magnitude, a known category, a form."""
    rows = [
        {"hours": 12, "gold": 123456, "class": "mage", "note": "mail a@b.co 7"},
        {"hours": 99, "gold": -0.02, "class": "Ada", "note": 3, "x7": 1, "y": 2},
    ]
    assert shape(TABLE, rows) == [
        {"hours": "tenth 3", "gold": "1e5", "class": "mage", "note": "xxxx [email] 0"},
        {"hours": "above", "gold": "-1e-2", "class": "x", "note": "number", "x": 2},
    ]


def test_many_inputs_are_counted():
    """A line has a limit, however many rows a request has."""
    found = shape(TEXT, ["hi"] * 25)
    assert found == ["xx"] * 20 + ["and 5 more"]


@settings(deadline=None)
@given(st.text())
def test_a_form_lets_no_letter_and_no_digit_through(text):
    """Whatever the script: letters are x, digits 0, secrets their kind."""
    rest = text_shape(text)
    for kind in ("email", "phone", "url", "ip", "mac", "id", "card", "iban", "token",
                 "secret", "key", "wallet", "number", "long"):  # fmt: skip
        rest = rest.replace(f"[{kind}]", "")
    assert all(c in "x0" or not c.isalnum() for c in rest)


@settings(deadline=None)
@given(st.lists(JSON, max_size=3), st.sampled_from([TABLE, TEXT]))
def test_any_input_has_a_shape(inputs, signature):
    """Inputs that were refused are sampled too."""
    assert json.dumps(shape(signature, inputs))


def test_texts_of_the_signature_are_masked_before_the_model():
    """Texts by themselves, by name, in lists, as fields; other values stay."""
    assert mask_inputs(TEXT, ["a@b.co", {"text": "a@b.co", "other": "a@b.co"}]) == [
        "[email]",
        {"text": "[email]", "other": "a@b.co"},
    ]
    row = {"note": "a@b.co", "class": "a@b.co", "hours": 3}
    assert mask_inputs(TABLE, [row]) == [{**row, "note": "[email]"}]
    assert is_masked("mood", "chat, mood")
    assert is_masked("mood", "*")
    assert not is_masked("mood", "moods")


def test_a_pseudonym_lasts_a_month_and_a_game():
    """Logs of two games or two months cannot be joined by player."""
    now = [1e9]
    pseudonyms = Pseudonyms(b"k" * 32, now=lambda: now[0])
    first = pseudonyms.of("ada", "chess")
    assert first == pseudonyms.of("ada", "chess") != pseudonyms.of("ada", "go")
    now[0] += 31 * 86_400
    assert pseudonyms.of("ada", "chess") != first


def test_the_secret_lies_in_a_file_and_is_long(tmp_path):
    """A missing file and a short secret are refused, with the way out."""
    file = tmp_path / "secret"
    with pytest.raises(StoreError, match="No such file"):
        open_pseudonyms(str(file))
    file.write_text("short\n")
    with pytest.raises(StoreError, match="openssl rand"):
        open_pseudonyms(str(file))
    file.write_text("k" * 32 + "\n")
    now = Pseudonyms(b"k" * 32).of("ada", "go")
    assert open_pseudonyms(str(file)).of("ada", "go") == now
