"""Chat moderation's generated rows and conversations."""

import string

from hotseat_train.tasks import chat_conversations, chat_corpora, chat_generated
from hotseat_train.tasks.chat_labels import CATEGORIES, LABELS, TOXIC, row


def test_every_template_has_its_parts_and_every_category_its_twins():
    """A part that is missing would stop the training half-way."""
    lists = {"swear", "slur"}
    for group in chat_generated.groups():
        parts = {*group["parts"], *lists}
        assert group["count"].keys() == group["templates"].keys()
        for lines in group["templates"].values():
            names = {
                n for line in lines for _, n, _, _ in string.Formatter().parse(line)
            }
            assert names - {None} <= parts
    found = chat_generated.templates()
    assert {*found} == {*CATEGORIES, "ok"}
    assert len(found["ok"]) > max(len(found[name]) for name in ("threat", "sexual"))


def test_a_row_s_label_is_that_of_its_categories():
    """Whatever of them it allows."""
    assert LABELS[row("a", {"insult", "hate"}, "a").target] == "toxic"
    assert LABELS[row("a", {"ok"}, "a").target] == "ok"


def test_a_line_has_the_lines_of_its_match_before_it():
    """In the order of time, and never those of another match."""
    rows = [
        {"matchId": match, "utterance": f"{match}{at}", "chatTime": str(at),
         "playerSlot": str(at % 2), "intentClass": "O"}
        for match in ("1", "2") for at in (10, 2, 1)
    ]  # fmt: skip
    found = chat_conversations.lines(rows, frozenset({"2"}))
    assert [line.text for line in found] == ["21", "22", "210"]
    assert found[2].context == ("21", "22")
    assert [line.player for line in found] == ["2 1", "2 0", "2 0"]
    assert chat_conversations.distinct(found) == ["21", "22", "210"]


def test_only_lines_on_which_all_annotators_agree_are_taken():
    """Some cells of the file hold a vote twice: ``1, 1``."""

    def line(text, *votes):
        return {
            "user": text,
            **{
                f"Annotator{number}_{column}": value
                for number, cells in enumerate(votes, 1)
                for column, value in cells.items()
            },
        }

    harm, fine = {"is_abuse.-2": "1, 1"}, {"is_abuse.1": "1.0", "is_abuse.-2": "0"}
    sexual = {"is_abuse.-1": "1", "sex_harassment": "1"}
    found = chat_corpora.agreed(
        [line("a", harm, harm), line("b", fine, fine), line("c", harm, fine),
         line("d", sexual, harm), line("e", {"is_abuse.0": "1"}, harm)]
    )  # fmt: skip
    assert list(found) == [("a", TOXIC), ("b", {"ok"}), ("d", {"sexual"})]
