"""Further corpora that chat moderation learns from; they are trained on only.

What each source says, as sets of categories (see `chat_labels`):

- Context toxicity (Pavlopoulos et al., ACL 2020): comments of Wikipedia's talk pages,
  toxic or not; the kind is unknown. Nearly all are harmless: they show everyday English
  to a model that otherwise knows game chat alone.
- Hate speech and offensive language (Davidson et al., ICWSM 2017): tweets; hate is
  `hate`, offensive is an insult or sexual, the rest is ok. The labels have a known bias
  against dialects, so a third of the offensive tweets is taken.
- Surge AI's toxicity data: comments, toxic or not; the kind is unknown.
- EDOS (Kirk et al., SemEval 2023): the sexist posts of Reddit and Gab; threats are a
  threat or `hate`, the rest is `hate`. Posts that are not sexist may be harmful in
  another way, so none is taken.
- ConvAbuse (Cercas Curry et al., EMNLP 2021): what people say to chatbots, where all
  annotators agree; sexual harassment is `sexual`, the rest of unknown kind, or ok.
- HatemojiBuild (Kirk et al., NAACL 2022): posts with emoji, and pairs that differ in
  little; `hate`, threats among them, or ok.
"""

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

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
_SEXISM = Source(
    "edos/edos_labelled_aggregated.csv",
    "https://raw.githubusercontent.com/rewire-online/edos/b1f1fbc/data/"
    "edos_labelled_aggregated.csv",
    "607bdbb766e1803a28f0eb8fc21c14b6b9dfa20039f726ba6767438584b47f9b",
)
_TO_BOTS = tuple(
    Source(
        f"convabuse/{name}.csv",
        "https://raw.githubusercontent.com/amandacurry/convabuse/c0a9469/2_splits/"
        f"ConvAbuseEMNLP{name}.csv",
        digest,
    )
    for name, digest in (
        ("train", "23abab3eff791d0e8cac681cec15a5ef299ed052699e4fca762d1d4640c36936"),
        ("valid", "a28bc3083fe3ea305b8c417539a20fda7e68057dc06365507b85c46b60e65443"),
        ("test", "8387d70332cd2245a095240534629152dd5729e8e9556e91b6b20dabdc0bb9d0"),
    )
)
_EMOJI = tuple(
    Source(
        f"hatemoji/{name}.csv",
        "https://raw.githubusercontent.com/HannahKirk/Hatemoji/a626f63/HatemojiBuild/"
        f"{name}.csv",
        digest,
    )
    for name, digest in (
        ("train", "2255818a5b10153876320068451be582ed876a2eefb22a250bd2f6478d1815e5"),
        (
            "validation",
            "721094d44fceb923a0b3897935126a654bbb1f092b1fed6a74d80e4a845c6f43",
        ),
        ("test", "4b067b445c6445dbd4036d7c75dde21f72928bfd31db63d1c53d66226c53be99"),
    )
)
SOURCES = (*_CONTEXT, _TWEETS, _COMMENTS, _SEXISM, *_TO_BOTS, *_EMOJI)
NAMES = (
    "context toxicity (ipavlopoulos/context_toxicity @ 5df49c2)",
    "hate speech and offensive language (t-davidson @ cb50f7e)",
    "toxicity (surge-ai/toxicity @ ea80324)",
    "EDOS (rewire-online/edos @ b1f1fbc)",
    "ConvAbuse (amandacurry/convabuse @ c0a9469)",
    "HatemojiBuild (HannahKirk/Hatemoji @ a626f63)",
)
LICENCES = (
    "context toxicity: Apache-2.0; hate speech, toxicity: MIT; EDOS: CC0-1.0; "
    "ConvAbuse, HatemojiBuild: CC-BY-4.0"
)
_LONGEST = 120
"""Longest text, in characters: lines of chat are shorter."""
_OFFENSIVE_SHARE = 3  # one of so many offensive tweets is taken
_OFFENSIVE = frozenset({"insult", "sexual"})


def rows() -> Iterator[Row]:
    """Yield all rows; raises `DatasetError`."""
    found = (
        *_comments_with_context(), *_tweets(), *_comments(), *_sexism(), *_emoji(),
        *(line for source in _TO_BOTS for line in agreed(_read(source))),
    )  # fmt: skip
    for text, allowed in found:
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


def _sexism() -> Iterator[tuple[str, frozenset[str]]]:
    for item in _read(_SEXISM):
        if item["label_sexist"] == "sexist":
            threat = item["label_category"].startswith("1.")
            text = re.sub(r"\[(USER|URL)\]", " ", item["text"])
            yield text, frozenset({"hate", "threat"} if threat else {"hate"})


def agreed(
    items: Iterable[Mapping[str, str]],
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the lines of ConvAbuse on which all annotators agree."""
    for item in items:
        harmful = _votes(item, r"is_abuse\.-[123]")
        harmless = _votes(item, r"is_abuse\.1")
        unclear = _votes(item, r"is_abuse\.0")
        if harmful and not harmless and not unclear:
            sexual = 2 * _votes(item, "sex_harassment") >= harmful
            yield item["user"], frozenset({"sexual"}) if sexual else TOXIC
        elif harmless and not harmful and not unclear:
            yield item["user"], frozenset({"ok"})


def _votes(item: Mapping[str, str], column: str) -> int:
    """Return how many annotators ticked a column; some cells hold the vote twice."""
    columns = re.compile(rf"Annotator\d+_{column}")
    return sum(
        float(value.split(",")[0]) > 0
        for name, value in item.items()
        if value and columns.fullmatch(name)
    )


def _emoji() -> Iterator[tuple[str, frozenset[str]]]:
    for source in _EMOJI:
        for item in _read(source):
            kinds = {"ok"} if item["label_gold"] == "0" else {"hate"}
            if item["type"] == "threateninglanguage":
                kinds.add("threat")
            yield item["text"], frozenset(kinds)


def _read(source: Source) -> Iterator[dict[str, str]]:
    with source.path().open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
