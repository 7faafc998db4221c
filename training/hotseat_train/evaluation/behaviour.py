"""Behaviour tests: small cases of one capability each, with their innocent twins.

In the manner of CheckList (Ribeiro et al., ACL 2020) and HateCheck (Röttger et al.,
ACL 2021). A harmful case has to be caught, and its twin, which shares its words but is
harmless, has to pass. The rates are reported by category.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hotseat_train.evaluation.paired_bootstrap import wilson

PLAIN = "plain"
_SHOWN = 4
"""Letters of a word from which on it is masked."""


class Case(NamedTuple):
    """A text and whether it is harmful."""

    text: str
    category: str
    """What is tested: ``threat``. A harmless twin has its harmful case's category."""
    group: str
    """A part of the cases that is reported by itself: the language."""
    harmful: bool
    spelling: str = PLAIN
    twin: str = ""
    """The text of the other case of the pair."""

    @property
    def part(self) -> str:
        """The name that its rates are reported by."""
        return f"{self.category}, {self.group}" if self.group else self.category


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of a task, and the answers that count as a catch."""

    cases: Sequence[Case]
    labels: Collection[str]
    """A case is flagged if its answer has one of these labels; where a version has
    operating points, its decision counts instead."""

    def digest(self) -> str:
        """Return the SHA-256 of the cases."""
        rows = "\n".join(f"{c.category}\t{c.harmful}\t{c.text}" for c in self.cases)
        return hashlib.sha256(rows.encode()).hexdigest()

    def flagged(self, answers: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Return for each answer whether the case is flagged."""
        return [
            bool(answer["decision"]["flagged"])
            if "decision" in answer
            else answer["label"] in self.labels
            for answer in answers
        ]

    def measure(self, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the share of harmful cases caught and of innocent twins hit.

        Both have a 95 % Wilson interval; `by` has them by category and group,
        `by_spelling` for plain and for altered spellings.
        """
        flagged = self.flagged(answers)
        by = _parts(self.cases, flagged, lambda case: case.part)
        spelled = _parts(
            self.cases,
            flagged,
            lambda case: PLAIN if case.spelling == PLAIN else "altered",
        )
        return {
            **_rates(self.cases, flagged),
            "by": by,
            "by_spelling": spelled,
            "cases_sha256": self.digest(),
        }

    def masked_errors(
        self, answers: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return the cases with wrong answers, their harmful words masked."""
        return [
            {
                "category": case.part,
                "error": "missed" if case.harmful else "innocent, hit",
                "spelling": case.spelling,
                "text": masked(case.text, case.twin) if case.harmful else case.text,
                "label": answer["label"],
            }
            for case, answer, hit in zip(
                self.cases, answers, self.flagged(answers), strict=True
            )
            if hit != case.harmful
        ]


def masked(text: str, twin: str) -> str:
    """Return a text with the longer words masked that its innocent twin lacks.

    The first letter of a word stays. In Chinese each character is a word.
    """
    shared = set(twin.lower().split())
    return " ".join(
        _masked_word(word)
        if word.isascii() and word.lower() not in shared
        else "".join(c if c in twin else "*" for c in word)
        for word in text.split()
    )


def _masked_word(word: str) -> str:
    return word if len(word) < _SHOWN else word[0] + "*" * (len(word) - 1)


def _parts(
    cases: Sequence[Case], flagged: Sequence[bool], name: Callable[[Case], str]
) -> dict[str, dict[str, Any]]:
    rows: dict[str, list[int]] = {}
    for at, case in enumerate(cases):
        rows.setdefault(name(case), []).append(at)
    return {
        part: _rates([cases[at] for at in places], [flagged[at] for at in places])
        for part, places in sorted(rows.items())
    }


def _rates(cases: Sequence[Case], flagged: Sequence[bool]) -> dict[str, Any]:
    harmful = [hit for case, hit in zip(cases, flagged, strict=True) if case.harmful]
    innocent = [
        hit for case, hit in zip(cases, flagged, strict=True) if not case.harmful
    ]
    found: dict[str, Any] = {"cases": len(cases)}
    for what, hits in (("caught", harmful), ("innocent_hit", innocent)):
        if hits:
            bounds = wilson(sum(hits), len(hits))
            found[what] = round(sum(hits) / len(hits), 4)
            found[f"{what}_interval"] = [round(bound, 4) for bound in bounds]
    return found
