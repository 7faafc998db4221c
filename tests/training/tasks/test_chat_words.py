"""Slurs of the behaviour tests are spelled as no slur of the training rows is."""

import pytest

from hotseat_train.errors import DatasetError
from hotseat_train.tasks import chat_generated
from hotseat_train.tasks.chat_behaviour import english


def test_no_slur_is_spelled_as_in_training():
    """Neither the words of the list that training takes, nor their plurals."""
    try:
        rows = {row.text for row in chat_generated.rows() if "hate" in row.allowed}
    except DatasetError as error:
        pytest.skip(f"without the word lists: {error}")
    words = {word.lower() for text in rows for word in text.split()}
    assert len(words) > 50
    assert not words & set(english.SLOTS["slur"])
