"""The cases: templates filled in, plain and in other spellings."""

from collections.abc import Iterator, Mapping, Sequence

from hotseat_train.evaluation.behaviour import PLAIN, Case, Suite
from hotseat_train.tasks.chat_behaviour import chinese, english, spellings
from hotseat_train.tasks.chat_behaviour.spellings import Spelling

_FILLS = 3
"""Cases of a template with slots."""
HARMFUL = ("toxic", "implicit")
"""Labels that catch a harmful case."""


def cases() -> tuple[Case, ...]:
    """Return all cases, each text once; harmful ones and their innocent twins."""
    found = (
        *_of("en", english.PAIRS, english.SLOTS, spellings.ENGLISH),
        *_of("zh", chinese.PAIRS, chinese.SLOTS, spellings.CHINESE),
    )
    return tuple({case.text: case for case in reversed(found)}.values())[::-1]


def _of(
    language: str,
    pairs: Mapping[str, Sequence[tuple[str, str]]],
    slots: Mapping[str, Sequence[str]],
    ways: Sequence[Spelling],
) -> Iterator[Case]:
    for category, templates in pairs.items():
        for number, pair in enumerate(templates):
            fills = _FILLS if any("{" in text for text in pair) else 1
            for fill in range(fills):
                # another filler for each template, so that all of them occur
                words = {
                    name: parts[(number + fill) % len(parts)]
                    for name, parts in slots.items()
                }
                harmful, innocent = (text.format(**words) for text in pair)
                yield from _pair(harmful, innocent, category, language, PLAIN)
            way = ways[number % len(ways)]
            yield from _pair(
                way(harmful), way(innocent), category, language, way.__name__
            )


def _pair(
    harmful: str, innocent: str, category: str, language: str, spelling: str
) -> Iterator[Case]:
    yield Case(harmful, category, language, True, spelling, innocent)
    yield Case(innocent, category, language, False, spelling, harmful)


SUITE = Suite(cases(), HARMFUL)
