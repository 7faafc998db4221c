"""Behaviour tests: rates of harmful cases caught and of innocent twins hit."""

from hotseat_train.evaluation.behaviour import Case, Suite, masked

SUITE = Suite(
    (
        Case("ill hurt you", "threat", "en", True, twin="ill heal you"),
        Case("ill heal you", "threat", "en", False, twin="ill hurt you"),
        Case("1ll hurt u", "threat", "en", True, "leet", "1ll heal u"),
        Case("1ll heal u", "threat", "en", False, "leet", "1ll hurt u"),
        Case("哼", "insult", "zh", True),
    ),
    ("toxic",),
)


def answers(*labels):
    """Answers with these labels."""
    return [{"label": label} for label in labels]


def test_rates_are_by_category_language_and_spelling():
    """A category without innocent cases has no rate of them."""
    found = SUITE.measure(answers("toxic", "ok", "ok", "toxic", "toxic"))
    assert (found["cases"], found["caught"], found["innocent_hit"]) == (5, 0.6667, 0.5)
    low, high = found["caught_interval"]
    assert low < found["caught"] < high
    assert found["by"]["threat, en"]["caught"] == 0.5
    assert found["by"]["insult, zh"]["caught"] == 1.0
    assert "innocent_hit" not in found["by"]["insult, zh"]
    assert found["by_spelling"]["plain"]["caught"] == 1.0
    assert found["by_spelling"]["altered"]["innocent_hit"] == 1.0


def test_a_decision_counts_instead_of_the_label():
    """Where a version has operating points, they say what is flagged."""
    flagged = [{"label": "toxic", "decision": {"flagged": False}}]
    assert SUITE.flagged(flagged) == [False]


def test_errors_mask_the_words_that_a_twin_lacks():
    """A reader sees what was missed without reading the harm."""
    errors = SUITE.masked_errors(answers("ok", "ok", "toxic", "toxic", "toxic"))
    assert [(error["error"], error["text"]) for error in errors] == [
        ("missed", "ill h*** you"), ("innocent, hit", "1ll heal u"),
    ]  # fmt: skip
    assert masked("你先走", "你先来") == "你先*"


def test_another_case_is_another_digest():
    """Two versions are comparable only on the same cases."""
    assert Suite(SUITE.cases[1:], ()).digest() != SUITE.digest()
