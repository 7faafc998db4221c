"""Chat moderation's behaviour tests share nothing with the generated training rows."""

import re
from collections import Counter

import pytest

from hotseat_train.models.text import obfuscation
from hotseat_train.tasks import chat_generated
from hotseat_train.tasks.chat_behaviour import SUITE, chinese, english, spellings
from hotseat_train.tasks.chat_labels import CATEGORIES


def phrases(text):
    """Three words of English in a row, or four Chinese characters."""
    words = re.findall(r"[a-z0-9']+", text.lower())
    signs = "".join(re.findall(r"[\u4e00-\u9fff]", text))
    return {
        *(" ".join(words[at : at + 3]) for at in range(len(words) - 2)),
        *(signs[at : at + 4] for at in range(len(signs) - 3)),
    }


def letters(text):
    """Return the text without spaces, marks and capitals."""
    return re.sub(r"[\W_]+", "", text.lower())


@pytest.fixture(scope="module")
def generated():
    """Training templates, filled with each part in turn."""
    lines = []
    for group in chat_generated.groups():
        parts = {"swear": ["darn"], "slur": ["darn"], **group["parts"]}
        most = max(len(words) for words in parts.values())
        for templates in group["templates"].values():
            lines += [
                template.format(
                    **{name: words[at % len(words)] for name, words in parts.items()}
                )
                for template in templates
                for at in range(most if "{" in template else 1)
            ]
    return lines


def test_no_phrase_of_a_case_is_in_a_generated_training_row(generated):
    """Neither whole lines nor verb phrases, of harmful and innocent cases."""
    seen = set().union(*map(phrases, generated))
    lines = {letters(text) for text in generated}
    assert len(seen) > 1000
    shared = {
        case.text: sorted(phrases(case.text) & seen)
        for case in SUITE.cases
        if phrases(case.text) & seen or letters(case.text) in lines
    }
    assert shared == {}


def test_no_group_of_people_is_a_training_part():
    """The words that name a group differ too."""
    parts = {
        letters(word)
        for group in chat_generated.groups()
        for words in group["parts"].values()
        for word in words
    }
    ours = {letters(word) for word in (*english.SLOTS["group"], *chinese.SLOTS["群"])}
    assert not ours & parts


def test_no_spelling_is_one_of_the_training_rows():
    """Training obfuscates its rows in ways of its own."""
    theirs = {method.__name__ for method in obfuscation.METHODS}
    ours = {way.__name__ for way in (*spellings.ENGLISH, *spellings.CHINESE)}
    assert not theirs & ours
    altered = Counter(case.spelling for case in SUITE.cases)
    assert {*altered} == {"plain", *ours}


def test_each_category_has_cases_in_both_languages():
    """Hundreds of cases; every harmful one has an innocent twin among them."""
    count = Counter((c.category, c.group, c.harmful) for c in SUITE.cases)
    assert {key[:2] for key in count} == {
        (category, group) for category in CATEGORIES for group in ("en", "zh")
    }
    assert min(count.values()) >= 15
    assert len(SUITE.cases) >= 500
    texts = {case.text: case.harmful for case in SUITE.cases}
    assert len(texts) == len(SUITE.cases)
    assert all(texts[case.twin] != case.harmful for case in SUITE.cases)
