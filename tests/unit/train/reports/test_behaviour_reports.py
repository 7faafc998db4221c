"""The page and the card's section of behaviour tests."""

from hotseat_registry import Variant
from hotseat_train.evaluation.behaviour import Case, Suite
from hotseat_train.reports import behaviour_page, behaviour_tests

SUITE = Suite(
    (
        Case("ill hurt <you>", "threat", "en", True, twin="ill heal <you>"),
        Case("ill heal <you>", "threat", "en", False, twin="ill hurt <you>"),
        Case("1ll hurt u", "threat", "en", True, "leet", "1ll heal u"),
        Case("哼", "insult", "zh", True),
    ),
    ("toxic",),
)
OK = [{"label": "ok"}] * 4
TOXIC = [{"label": "toxic"}] * 4
METRICS = {
    "behaviour": {**SUITE.measure(OK), "word_list": SUITE.measure(TOXIC)},
    "yardsticks": {"Others' <cases>": SUITE.measure(TOXIC)},
    "word_list_words": 800,
}


def test_the_page_shows_rates_and_masked_errors_by_category():
    """What is written in a case is no markup, and what is harmful is masked."""
    page = behaviour_page.page("chat", "int8", METRICS, SUITE.masked_errors(OK))
    assert "threat, en</b>: 2 missed" in page
    assert "ill h*** &lt;you&gt;" in page
    assert "hurt" not in page
    assert "Others&#x27; &lt;cases&gt;" in page
    assert "0.0 %" in page
    perfect = behaviour_page.page("chat", "int8", METRICS, [])
    assert "None." in perfect
    assert page.count('class="said none"') == 2  # the others' cases too: all are hit


def test_the_card_has_a_row_for_each_category_beside_the_word_list():
    """Nothing is added to the card of a model without behaviour tests."""
    card = behaviour_tests.section(Variant("int8", "m.onnx", METRICS))
    row = next(line for line in card if line.startswith("| threat, en"))
    assert row.startswith("| threat, en | 3 | 0.000 (0.000 to ")
    assert row.endswith("| 1.000 | 1.000 |")
    assert any("word list of 800 words" in line for line in card)
    assert any(line.startswith("Others' <cases>") for line in card)
    assert {line.count("|") for line in card if line.startswith("|")} == {7}
    assert behaviour_tests.section(Variant("int8", "m.onnx", {})) == []
