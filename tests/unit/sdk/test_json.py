"""Inputs as games have them, as JSON: sent as they mean, or refused by name."""

import array
import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat import BadInputError, ConfigError, ModelServiceClient
from hotseat._json import to_json
from hotseat.testing import FakeTransport


class Cell(IntEnum):
    """A cell of a board."""

    EMPTY = 0


class Hero(Enum):
    """A category."""

    ELF = "elf"


@dataclass
class Player:
    """Named features."""

    level: int
    hero: Hero


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({"level": np.int64(3), "x": np.float32(0.5)}, {"level": 3, "x": 0.5}),
        (np.zeros((2, 3), np.int8), [[0, 0, 0], [0, 0, 0]]),
        (array.array("b", [1, 2]), [1, 2]),
        (Player(3, Hero.ELF), {"level": 3, "hero": "elf"}),
        ([Cell.EMPTY], [0]),
        ({"x": Decimal("1.5"), "n": Decimal(12)}, {"x": 1.5, "n": 12}),
        ({"t": datetime(2026, 1, 2, tzinfo=UTC)}, {"t": "2026-01-02T00:00:00+00:00"}),
        ({"d": date(2026, 1, 2)}, {"d": "2026-01-02"}),
        (((0, 1), (1, 0)), [[0, 1], [1, 0]]),
        (range(3), [0, 1, 2]),
    ],
)
def test_what_games_have_in_hand_is_sent(value, sent):
    """As numbers, lists and objects that mean the same."""
    assert json.loads(to_json(value)) == sent


CIRCLE: list = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"x": [0, float("nan")]}, "nan at /x/1"),
        ({"x": np.array([1, np.inf])}, "inf at /x/1"),
        ({"x": {1, 2}}, "type set at /x"),
        ({"a": {"b": object()}}, "type object at /a/b"),
        ({(1, 2): 3}, "a key at / is a tuple"),
        (CIRCLE, "in itself"),
        (Decimal("nan"), "/"),
    ],
)
def test_what_has_no_json_is_refused_by_name(value, named):
    """The error names the type or number and its place."""
    with pytest.raises(ConfigError, match="not JSON") as caught:
        to_json(value)
    assert named in str(caught.value)


def test_half_an_emoji_becomes_the_default():
    """A text cut inside a character cannot be sent; a player may have typed it."""
    client = ModelServiceClient(transport=FakeTransport({"label": "ok"}))
    half = "nice \ud83d"
    assert client.predict(half, default="d").is_default
    assert client.submit(half).result("d").is_default
    with pytest.raises(BadInputError, match="surrogate"):
        client.predict(half)


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.binary() | st.decimals()
    | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
))  # fmt: skip
def test_any_value_is_sent_or_refused(value):
    """Nothing but the two documented errors."""
    with contextlib.suppress(ConfigError, BadInputError):
        json.loads(to_json(value))
