"""Chat moderation with a pretrained sentence encoder beside the model of characters.

Labels, data and evaluation are those of `chat_moderation`; the encoder is
all-MiniLM-L6-v2 (Reimers and Gurevych, EMNLP 2019; Wang et al., NeurIPS 2020), whose
weights are fine-tuned. The model of characters is the one that is installed, finished.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry import Signature
from hotseat_registry.signature import Input, Tokens
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.data.download import Source
from hotseat_train.errors import DatasetError, TrainError
from hotseat_train.models.text.word_pieces import MAX_TOKENS, TOKENIZER
from hotseat_train.optim.loop import Plan
from hotseat_train.tasks import chat_moderation
from hotseat_train.tasks.chat_labels import TREE

if TYPE_CHECKING:
    from hotseat_train.models.text.sentence_encoder import EncoderLearner

_ADDRESS = (
    "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/"
    "1110a243fdf4706b3f48f1d95db1a4f5529b4d41/"
)
ENCODER = tuple(
    Source(f"all-minilm-l6-v2/{name}", _ADDRESS + name, digest)
    for name, digest in (
        (
            "config.json",
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        ),
        (
            "model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        (
            "tokenizer.json",
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    )
)
CHARACTERS = Path(__file__).parents[1] / "trained/chat-moderation/model.int8.onnx"
_MAX_BYTES = 512


class ChatModerationLarge(chat_moderation.ChatModeration):
    """The same labels by a larger model, which knows what words mean."""

    name = "chat-moderation-large"
    limits = (
        f"{chat_moderation.ChatModeration.limits} Its sentence encoder learned from "
        "English: Chinese lines are judged by the model of characters alone."
    )
    compressions = ("dynamic",)
    optimizer = "adamw"

    def dataset(self) -> Dataset:
        """Read the rows of chat moderation; name the encoder beside them."""
        found = super().dataset()
        return replace(
            found,
            source=f"{found.source}; fine-tuned from all-MiniLM-L6-v2 "
            "(sentence-transformers @ 1110a24)",
            licence=f"{found.licence}; all-MiniLM-L6-v2: Apache-2.0",
        )

    def learner(self, train: Split, seed: int) -> "EncoderLearner":
        """Return the pretrained encoder; raises `DatasetError` without its files."""
        try:
            from hotseat_train.models.text.sentence_encoder import EncoderLearner
        except ImportError as error:
            raise TrainError(
                f"{self.name} needs more ({error}): pip install "
                "'hotseat-platform[train,language]'"
            ) from None
        del train
        folder, *others = {source.path().parent for source in ENCODER}
        if others:
            raise DatasetError(f"put the files of {folder} and {others[0]} into one")
        return EncoderLearner(folder, CHARACTERS, TREE, seed)

    def signature(self, dataset: Dataset) -> Signature:
        """Return the signature: a text, and its tokens, which the service makes."""
        whole = super().signature(dataset)
        (text,) = whole.inputs
        tokens = (
            Input(
                name, "INT64", (-1, -1), "tokens",
                tokens=Tokens(TOKENIZER, part, text.name, MAX_TOKENS),
            )
            for name, part in (("input_ids", "ids"), ("attention_mask", "mask"))
        )  # fmt: skip
        short = replace(text, max_bytes=_MAX_BYTES)
        return replace(whole, inputs=(short, *tokens))

    def plan(self, optimizer: str) -> Plan:
        """Return settings that converge, chosen by hand."""
        plan = Plan("adamw", 5e-5, batch_size=64, max_epochs=2, schedule="cosine",
                    clip=1.0, weight_decay=0.01)  # fmt: skip
        return plan if optimizer == "adamw" else replace(plan, optimizer=optimizer)


TASK = ChatModerationLarge()
