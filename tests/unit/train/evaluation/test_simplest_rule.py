"""The simplest rules: majority, one column, a word list, chosen on training rows."""

from hotseat_train.data.dataset import Split
from hotseat_train.evaluation.simplest_rule import accuracies


def test_of_a_table_the_best_single_column_is_the_rule():
    """A threshold on a number, or the usual label of a category."""
    inputs = tuple({"hours": float(at), "zone": "ab"[at % 2]} for at in range(40))
    by_hours = Split(inputs, tuple(int(at > 25) for at in range(40)))
    assert accuracies(by_hours, by_hours) == {
        "the majority": 0.65, "one threshold on hours": 1.0,
    }  # fmt: skip
    by_zone = Split(inputs, tuple(at % 2 for at in range(40)))
    assert accuracies(by_zone, by_zone)["the usual label of each zone"] == 1.0


def test_of_texts_a_word_list_is_the_rule():
    """In any language; a text without a listed word is answered by the majority."""
    texts = ("gg wp", "nice push", "stupid noob", "大家打得很好") * 10
    rows = Split(texts, (0, 0, 1, 0) * 10)
    assert accuracies(rows, rows) == {"the majority": 0.75, "a word list": 1.0}
    asked = Split(("nothing known",), (0,))
    assert accuracies(rows, asked)["a word list"] == 1.0
