"""HateCheck, behaviour tests by others: hate speech in English, in 29 functional tests.

Röttger et al., ACL 2021. They are nothing but a yardstick: no row is trained on. They
are sentences of social media, not game chat, and hate alone; what is not hateful may
swear, so that a moderation of insults hits some of it rightly.
"""

import csv

from hotseat_train.data.download import Source
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation.behaviour import Case, Suite
from hotseat_train.tasks.chat_behaviour.cases import HARMFUL

SOURCE = Source(
    "hatecheck/test_suite_cases.csv",
    "https://raw.githubusercontent.com/paul-rottger/hatecheck-data/"
    "d84302298ceeb34f4b0dde2d8a1f4932c2caa612/test_suite_cases.csv",
    "ecf0dc1e93fccc90b6f880e632b19e635c0f0a68b3157915a9e20b6938f121cf",
)
NAME = "HateCheck (paul-rottger/hatecheck-data @ d843022, CC-BY-4.0)"


def yardsticks() -> dict[str, Suite]:
    """Return the suite by its name; nothing where the file cannot be fetched.

    An evaluation does without it: its report then has no section of this name.
    """
    try:
        return {NAME: suite()}
    except DatasetError:
        return {}


def suite() -> Suite:
    """Return the cases by functional test; raises `DatasetError`."""
    with SOURCE.path().open(encoding="utf-8", newline="") as file:
        cases = tuple(
            Case(
                row["test_case"],
                row["functionality"],
                group="",
                harmful=row["label_gold"] == "hateful",
            )
            for row in csv.DictReader(file)
        )
    return Suite(cases, HARMFUL)
