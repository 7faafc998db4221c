"""Further corpora that chat moderation learns from; they are trained on only.

What each source says, as sets of categories (see `chat_labels`):

- Context toxicity (Pavlopoulos et al., ACL 2020): comments of Wikipedia's talk pages,
  toxic or not; the kind is unknown. Nearly all are harmless: they show everyday English
  to a model that otherwise knows game chat alone.
- Hate speech and offensive language (Davidson et al., ICWSM 2017): tweets; hate is
  `hate`, offensive is an insult or sexual, the rest is ok. The labels have a known bias
  against dialects, so a third of the offensive tweets is taken.
- Surge AI's toxicity data: comments, toxic or not; the kind is unknown.
"""

import csv
import hashlib
import re
from collections.abc import Iterator

from hotseat_train.data.download import Source
from hotseat_train.tasks.chat_labels import TOXIC, Row, row

_CONTEXT = tuple(
    Source(
        f"context-toxicity/{name}",
        "https://raw.githubusercontent.com/ipavlopoulos/context_toxicity/5df49c2/"
        f"data/CAT_LARGE/{name}",
        digest,
    )
    for name, digest in (
        ("gc.csv", "7939002c35bfdaf4c406e8fb7e206dfe5a6801b24f60bf6faa51442a26701dea"),
        ("gn.csv", "def84ddcff46dfd628e3d37c9c81b9cb81d7cf35e82197212a5758c0d24fb667"),
    )
)
_TWEETS = Source(
    "davidson/labeled_data.csv",
    "https://raw.githubusercontent.com/t-davidson/hate-speech-and-offensive-language/"
    "cb50f7e/data/labeled_data.csv",
    "fcb8bc7c68120ae4af04a5b9acd58585513ede11e1548ebf36a5c2040b6f6281",
)
_COMMENTS = Source(
    "surge/toxicity_en.csv",
    "https://raw.githubusercontent.com/surge-ai/toxicity/ea80324/toxicity_en.csv",
    "3bfcdd54ab90c8bab232235226a00e28b0d457c3c19e87230f73dde1880e6c44",
)
SOURCES = (*_CONTEXT, _TWEETS, _COMMENTS)
NAMES = (
    "context toxicity (ipavlopoulos/context_toxicity @ 5df49c2)",
    "hate speech and offensive language (t-davidson @ cb50f7e)",
    "toxicity (surge-ai/toxicity @ ea80324)",
)
LICENCES = "context toxicity: Apache-2.0; hate speech, toxicity: MIT"
_LONGEST = 120
"""Longest text, in characters: lines of chat are shorter."""
_OFFENSIVE_SHARE = 3  # one of so many offensive tweets is taken
_OFFENSIVE = frozenset({"insult", "sexual"})


def rows() -> Iterator[Row]:
    """Yield all rows; raises `DatasetError`."""
    for text, allowed in (*_comments_with_context(), *_tweets(), *_comments()):
        clean = " ".join(text.split())
        if clean and len(clean) <= _LONGEST:
            yield row(clean, allowed, clean)


def _comments_with_context() -> Iterator[tuple[str, frozenset[str]]]:
    for source in _CONTEXT:
        for item in _read(source):
            toxic = float(item["label"]) > 0.5
            yield item["text"], TOXIC if toxic else frozenset({"ok"})


def _tweets() -> Iterator[tuple[str, frozenset[str]]]:
    of_class = {"0": frozenset({"hate"}), "1": _OFFENSIVE, "2": frozenset({"ok"})}
    for item in _read(_TWEETS):
        text = re.sub(r"https?://\S+|&#?\w+;|\bRT\b", " ", item["tweet"])
        text = re.sub(r"@\w+:?", " ", text)
        digest = hashlib.sha256(text.encode()).digest()
        if item["class"] != "1" or digest[0] % _OFFENSIVE_SHARE == 0:
            yield text, of_class[item["class"]]


def _comments() -> Iterator[tuple[str, frozenset[str]]]:
    for item in _read(_COMMENTS):
        toxic = item["is_toxic"] == "Toxic"
        yield item["text"], TOXIC if toxic else frozenset({"ok"})


def _read(source: Source) -> Iterator[dict[str, str]]:
    with source.path().open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
