"""Texts become tokens as the tokenizers package has them, cut and padded."""

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from hotseat_registry.errors import IntegrityError
from hotseat_registry.signature import Input, Signature, Tokens
from hotseat_serve.codec import game_json, tokens
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem


@pytest.fixture
def tokenizer(tmp_path):
    """A vocabulary of five words."""
    words = {"[UNK]": 0, "[PAD]": 7, "good": 1, "game": 2, "well": 3, "played": 4}
    made = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    return path


def signature(length=-1, most=512):
    """Three inputs of one text."""
    names = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
    return Signature(
        tuple(
            Input(name, "INT64", (-1, length), "tokens", max_bytes=100,
                  tokens=Tokens("tokenizer.json", part, max_tokens=most))
            for name, part in names.items()
        ),
        (),
    )  # fmt: skip


def encode(path, said, inputs, warnings=None):
    files = {"tokenizer.json": tokens.open_tokenizer(path, said.inputs[0])}
    pointers = [f"/{at}" for at in range(len(inputs))]
    return game_json.encode(said, inputs, pointers, warnings, files)


def test_texts_of_a_request_are_padded_to_the_longest(tokenizer):
    """Padding is masked, and a text needs no name or its own."""
    found = encode(tokenizer, signature(), ["good game", {"text": "well played game"}])
    assert found["input_ids"].tolist() == [[1, 2, 7], [3, 4, 2]]
    assert found["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert found["token_type_ids"].dtype == np.int64


def test_a_fixed_length_is_filled(tokenizer):
    """A graph that takes so many tokens gets so many."""
    found = encode(tokenizer, signature(length=4), ["good game"])
    assert found["input_ids"].tolist() == [[1, 2, 7, 7]]


def test_a_text_that_is_cut_is_warned_of(tokenizer):
    """The model does not see the rest, and the answer says so."""
    warnings = Warnings()
    found = encode(tokenizer, signature(most=2), ["good game well"], warnings)
    assert found["input_ids"].tolist() == [[1, 2]]
    (warning,) = warnings.to_json()
    assert warning["code"] == "text_cut"
    assert warning["pointer"] == "/0"


@pytest.mark.parametrize(
    ("given", "code"), [(3, "invalid_input"), (" ", "invalid_input"),
                        ("a" * 101, "too_large"), ({"txt": "a"}, "invalid_input")]
)  # fmt: skip
def test_what_is_no_text_is_refused(tokenizer, given, code):
    """As in every model that reads texts."""
    with pytest.raises(Problem) as error:
        encode(tokenizer, signature(), [given])
    assert error.value.code == code


def test_a_file_that_is_no_tokenizer_does_not_open(tmp_path):
    """With the reason."""
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(IntegrityError, match="the tokenizer does not load"):
        tokens.open_tokenizer(path, signature().inputs[0])
