import pytest

from hotseat_train.language.fluency import fluency


def test_words_and_pairs_that_differ() -> None:
    found = fluency(["a sword", "a sword"])
    assert (found.distinct_1, found.distinct_2) == (0.5, 0.5)


def test_a_text_that_says_the_same_again() -> None:
    again = fluency(["go to the north " * 5]).repetition
    assert again > 0.7
    assert fluency(["go to the north and look for a door"]).repetition == 0


def test_a_text_that_was_trained_on() -> None:
    found = fluency(["An axe.", "A new axe."], frozenset({"An axe."}))
    assert found.copied == 0.5


def test_no_text() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fluency([])
