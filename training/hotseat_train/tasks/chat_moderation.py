"""Moderates a game's chat in English and Chinese, with four labels.

`ok`: harmless. `toxic`: an open insult or slur. `implicit`: a hidden insult, for a
person to review. `report`: a player asks for an action (report him, commend her,
pause).

English: CONDA, chat of Dota 2 matches (Weld et al., ACL-IJCNLP Findings 2021). Chinese:
COLD, online comments (Deng et al., EMNLP 2022), whose labels are offensive and safe.
"""

import csv
import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hotseat_registry import Output, Signature
from hotseat_train.data.dataset import Dataset, Split, split
from hotseat_train.data.download import Source
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation.evaluator import Evaluator
from hotseat_train.models.text import char_ngrams, tokenizer
from hotseat_train.models.text.char_cnn import Shape, TextLearner
from hotseat_train.models.text.obfuscation import obfuscate
from hotseat_train.models.text.wide_linear import Shares
from hotseat_train.optim.gradient_learner import GradientLearner
from hotseat_train.optim.loop import Plan
from hotseat_train.run import Run
from hotseat_train.tasks import (
    chat_behaviour,
    chat_conversations,
    chat_corpora,
    chat_generated,
    chat_hatecheck,
)
from hotseat_train.tasks.chat_evaluator import ChatEvaluator
from hotseat_train.tasks.chat_labels import CATEGORIES, LABELS, TREE, Row
from hotseat_train.tasks.sentiment import key_of
from hotseat_train.tasks.supervised import SupervisedTask
from hotseat_train.tasks.task import Progress

CONDA = Source(
    "conda/train.csv",
    "https://raw.githubusercontent.com/usydnlp/CONDA/3fb9067/data/CONDA_train.csv",
    "fe7b18d19deae8c5a465163247dc929baea643f381e7f28596fec0b1559bddcd",
)
_COLD = tuple(
    Source(
        f"cold/{name}.csv",
        "https://raw.githubusercontent.com/thu-coai/COLDataset/a0c55a9/COLDataset/"
        f"{name}.csv",
        digest,
    )
    for name, digest in (
        ("train", "16ca7955bdcaf90f5d8ac39e51eb3eda15320caa1e730ed45cb5e8ca8cd0d5e8"),
        ("dev", "28e67a26815aa1852449ba06919e51c07060d146e2bd23101cc0137a0ff94b7c"),
    )
)
_INTENTS = {"O": "ok", "E": "toxic", "I": "implicit", "A": "report"}
SHAPE = Shape(hidden=(448, 448, 448, 448), steps=(1, 2, 4, 8))
_SHARES = Shares(own=0.6, other=0.7)
_SEED = 0  # of the split, which stays the same whatever the run's seed
_MAX_BYTES = 2048


class ChatModeration(SupervisedTask):
    """Text classification with four labels in two languages."""

    name = "chat-moderation"
    intended_use = (
        "Sort lines of game chat in English and Chinese, so that a game can hide, warn "
        "or pass on what needs a person."
    )
    limits = (
        "Learned from one game's chat, from online comments and tweets, and from "
        "generated rows: harm in words unlike these is often missed (the behaviour "
        "tests say how often), and other languages and irony are beyond it. Its "
        "operating points hold for English chat of one game and for Chinese comments: "
        "on another game more harmless lines are flagged. Chinese lines were labelled "
        "offensive or not, so `implicit` and `report` are learned from English alone. "
        "COLD's training labels are partly a model's own: on its authors' hand-made "
        "test a lower figure is to be expected than on this split. It judges lines, "
        "not people: no ban should rest on it alone."
    )

    optimizer = "adam"
    behaviour = chat_behaviour.SUITE
    golden = (
        "gg", "gg wp everyone", "glhf", "no worries, we can still win this", "go mid",
        "push top and take the tower", "ez", "easiest game of my life", "you are bad",
        "learn to play", "stupid noob team", "report mid please", "commend our support",
        "can we pause? my friend lost connection", "大家打得很好", "我们可以赢",
        "你太菜了", "请举报他", "这个地图很有意思，下次再一起玩吧",
    )  # fmt: skip

    missing = ""
    """Why the rows that are trained on only are missing; empty: they are not."""

    @staticmethod
    def group(text: str) -> str:
        """Return the line's language, by its script."""
        return "zh" if _is_chinese(text) else "en"

    @staticmethod
    def obfuscated(texts: Sequence[str]) -> tuple[str, ...]:
        """Return the texts obfuscated as players do, always in the same way."""
        rng = random.Random(_SEED)  # noqa: S311
        return tuple(obfuscate(text, rng) for text in texts)

    def dataset(self) -> Dataset:
        """Read both corpora; split by conversation, and by text; see `Dataset`."""
        rows = list(dict.fromkeys([*_english(), *_chinese()]))
        train, validation, test = split(rows, _SEED)
        self.missing, more = "", []
        try:
            more = _further(validation, test)
        except DatasetError as error:  # these rows are for the training alone
            self.missing = str(error)
        sources = (
            CONDA, *_COLD, *chat_corpora.SOURCES, *chat_generated.SOURCES.values()
        )  # fmt: skip
        digests = [source.sha256 for source in sources]
        return Dataset(
            train=_mixed(train, more),
            validation=validation,
            test=test,
            labels=LABELS,
            source=(
                "CONDA (usydnlp/CONDA @ 3fb9067); COLD (thu-coai/COLDataset @ a0c55a9)"
                f"; for the training alone: {'; '.join(chat_corpora.NAMES)}; "
                f"{chat_generated.NAME}"
            ),
            licence=(
                "CONDA: AFL-3.0 by its dataset card; COLD: Apache-2.0; "
                f"{chat_corpora.LICENCES}; {chat_generated.LICENCE}"
            ),
            sha256=hashlib.sha256("".join(digests).encode()).hexdigest(),
            preparation=(
                f"{len(rows)} lines, each once in its match; split 80/10/10 by a hash "
                "of the match (English) or of the text's letters (Chinese), so that no "
                f"match is on two sides; {len(more)} further and generated rows are "
                "trained on, none of which is in the other splits in any spelling"
            ),
        )

    def train(
        self, run: Run, plan: Plan, progress: Progress, rows: int | None = None
    ) -> dict[str, Any]:
        """See `Task.train`; raises `DatasetError` if a file is missing.

        An evaluation does without the rows that are trained on only.
        """
        if self.data and self.missing:
            raise DatasetError(self.missing)
        return super().train(run, plan, progress, rows)

    def learner(self, train: Split, seed: int) -> GradientLearner:
        """Return an untrained learner with the vocabulary of the texts."""
        vocabulary = tokenizer.build_vocabulary(train.inputs, SHAPE.common)
        return TextLearner(
            vocabulary, TREE, seed, SHAPE, teach=_is_chinese, wide=_is_chinese,
            negative=("ok", "report"), shares=_SHARES,
        )  # fmt: skip

    def signature(self, dataset: Dataset) -> Signature:
        """Return the signature: one text in, a probability for each label out."""
        whole = char_ngrams.signature(dataset.labels, _MAX_BYTES)
        (text,) = whole.inputs
        # a player who writes a long line must not pass for it
        parts = replace(text, too_long="parts")
        return replace(
            whole,
            inputs=(parts,),
            outputs=(
                *whole.outputs,
                Output("categories", "FP32", (-1, len(CATEGORIES))),
            ),
            categories=CATEGORIES,
            neutral_label="ok",
        )

    def evaluator(self, record: Mapping[str, Any]) -> Evaluator:
        """See `Task.evaluator`."""
        dataset = self.data
        with CONDA.path().open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        validation, test = (
            chat_conversations.lines(rows, _matches(part))
            for part in (dataset.validation, dataset.test)
        )
        return ChatEvaluator(
            dataset,
            self.signature(dataset),
            record.get("answers", ()),
            group=self.group,
            golden=self.golden_inputs(dataset),
            obfuscated=self.obfuscated,
            behaviour=self.behaviour,
            yardsticks=chat_hatecheck.yardsticks(),
            conversations=(validation, test),
        )

    def plan(self, optimizer: str) -> Plan:
        """Return settings that converge, chosen by hand."""
        return {
            "gd": Plan("gd", 1.0, max_epochs=100),
            "sgd": Plan("sgd", 0.3, batch_size=128),
            "momentum": Plan("momentum", 0.03, momentum=0.9, batch_size=128),
            "adam": Plan(
                "adam", 0.003, batch_size=256, max_epochs=4, schedule="cosine"
            ),
        }[optimizer]


TASK = ChatModeration()


def _matches(part: Split) -> frozenset[str]:
    """Return the matches of a split, by their keys."""
    return frozenset(
        key.removeprefix("en ") for key in part.keys if key.startswith("en ")
    )


def _further(*held: Split) -> list[Row]:
    """Return the rows that are trained on only.

    A text that is in a split of `held` is left out, whatever its spelling. A text of a
    corpus counts once; a generated one as often as it is generated, because its
    category has few others.
    """
    away = {key_of(text) for part in held for text in part.inputs}
    corpora = {
        (key_of(row.text), row.allowed): row for row in reversed([*chat_corpora.rows()])
    }
    rows = (*corpora.values(), *chat_generated.rows())
    return [row for row in rows if (key := key_of(row.text)) and key not in away]


def _mixed(train: Split, more: Sequence[Row]) -> Split:
    """Return all rows in the order of a hash, so that the first are a sample."""
    allowed = [frozenset(TREE.within(LABELS[target])) for target in train.targets]
    rows = [
        *zip(train.inputs, train.targets, train.keys, allowed, strict=True),
        *((row.text, row.target, f"more {row.key}", row.allowed) for row in more),
    ]
    rows.sort(key=lambda row: hashlib.sha256(f"{_SEED} {row[2]}".encode()).digest())
    inputs, targets, keys, sets = zip(*rows, strict=True)
    return Split(inputs, targets, keys, allowed=sets)


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def _english() -> Iterator[tuple[str, str, int]]:
    with CONDA.path().open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = row["utterance"].strip()
            if text:
                label = LABELS.index(_INTENTS[row["intentClass"]])
                yield f"en {row['matchId']}", text, label


def _chinese() -> Iterator[tuple[str, str, int]]:
    for source in _COLD:
        with source.path().open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                text = row["TEXT"].strip()
                if key_of(text):
                    label = LABELS.index("toxic" if row["label"] == "1" else "ok")
                    yield f"zh {key_of(text)}", text, label
