"""Tokenizer, obfuscation and batches of texts."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_train.models.text import (
    obfuscation,
    tokenizer,
)
from hotseat_train.models.text.categories import Categories
from hotseat_train.models.text.char_cnn import Shape, TextLearner
from hotseat_train.models.text.tokenizer import Tokenizer
from hotseat_train.optim.schedule import cosine

LINES = tuple(
    f"{a} {b}" for a in ("good", "bad", "fine", "poor", "垃圾", "不错")
    for b in ("game", "team", "match", "round", "游戏", "play")
)  # fmt: skip
TWO = Categories(("good", "bad"))
SMALL = Shape(width=16, hidden=(24, 24), head=12, common=300, buckets=1 << 12)


def learner(seed=0):
    """A small network that has learned nothing, with a linear part for Chinese."""
    vocabulary = tokenizer.build_vocabulary(LINES, SMALL.common)
    return TextLearner(vocabulary, TWO, seed, SMALL, wide=chinese)


def chinese(text):
    """Whether one of the characters is Chinese."""
    return any("\u4e00" <= c <= "\u9fff" for c in text)


@pytest.fixture(scope="module")
def vocabulary():
    """What was read of the lines."""
    return tokenizer.build_vocabulary(LINES, 300)


@pytest.fixture(scope="module")
def reader(vocabulary):
    """The graph that reads."""
    return Tokenizer(vocabulary)


def read(reader, *texts):
    """What the graph reads of texts, as lists."""
    return [rows.tolist() for rows in reader.encode(texts)]


@pytest.mark.parametrize(
    ("hidden", "plain"),
    [
        ("b a d team", "bad team"),
        ("b.a.d team", "bad team"),
        ("ｂａｄ\u3000team", "bad team"),
        ("b\u200bad te\u2060am", "bad team"),
        ("bad teaaaaam", "bad teaam"),
        ("垃 圾 游戏", "垃圾 游戏"),
        ("BAD\tteam", "bad team"),
    ],
)
def test_tricks_of_spelling_are_undone_inside_the_graph(reader, hidden, plain):
    """Both are the same numbers, so no model can tell them apart."""
    assert read(reader, hidden) == read(reader, plain)


def test_words_that_stand_beside_each_other_stay_apart(reader):
    """Only characters that stand alone are drawn together."""
    assert read(reader, "bad team") != read(reader, "badteam")
    assert read(reader, "b a d team")[0] != read(reader, "b a d t e a m")[0]


def test_rare_runs_have_no_row(vocabulary, reader):
    """The table holds what is common; a run of one line alone is not in it."""
    rows = np.concatenate(reader.encode(LINES))
    assert rows.max() < vocabulary.size
    few = tokenizer.build_vocabulary(LINES, 10)
    assert few.size == 2 + len(few.characters) + 10
    assert Tokenizer(few).encode(["good game"])[0].max() < few.size


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
                max_size=30),
        min_size=1,
        max_size=5,
    )
)  # fmt: skip
def test_a_text_is_read_the_same_in_any_company(reader, texts):
    """What is read does not depend on the rest of the batch."""
    alone = [read(reader, text)[0] for text in texts]
    assert read(reader, *texts) == alone


@settings(deadline=None, max_examples=40)
@given(st.text("abcxyz osel好坏", min_size=1, max_size=20), st.integers(0, 99))
def test_a_disguise_is_always_the_same_one(text, seed):
    """A seed tells what comes out, and each way keeps what is said in it."""
    one, two = (obfuscation.obfuscate(text, random.Random(seed)) for _ in range(2))
    assert one == two
    for way in obfuscation.METHODS[1:]:  # the first changes letters, the others add
        said = way(text, random.Random(seed))
        narrow = "".join(
            chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else c for c in said
        )  # fmt: skip
        letters = iter(narrow)
        assert all(c in letters for c in text.replace(" ", ""))


def test_texts_of_like_length_come_together_and_none_is_left_out():
    """An epoch's order is a permutation whose batches waste little on padding."""
    made = learner()
    rows = TextRowsOf(made, [line * (1 + n % 7) for n, line in enumerate(LINES * 4)])
    order = rows.begin(8, np.random.default_rng(0))
    assert sorted(order) == list(range(len(rows)))
    padded = sum(
        8 * rows.take(order[at : at + 8])[0].shape[1] for at in range(0, len(order), 8)
    )
    unsorted = sum(
        8 * rows.take(np.arange(at, at + 8))[0].shape[1]
        for at in range(0, len(order), 8)
    )
    assert padded < 0.85 * unsorted


def TextRowsOf(made, texts):  # noqa: N802
    """The texts as training takes them, none obfuscated."""
    from hotseat_train.models.text.char_cnn import TextRows

    return TextRows(texts, made.tokenizer)


def test_a_plan_that_decays_ends_at_nothing():
    """The last step of the last epoch moves hardly anything."""
    shares = [cosine(step, 500) for step in range(500)]
    assert max(shares) > 0.9
    assert shares[-1] < 0.001
    assert shares[0] < 0.02
