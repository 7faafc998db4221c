"""A pretrained sentence encoder, fine-tuned, beside a model of characters.

The encoder (BERT's architecture: Devlin et al. 2019; distilled: Wang et al. 2020,
MiniLM) learned from a large corpus which words mean the same; the characters' model,
which is finished, reads spellings and other scripts. The answer is the geometric mean
of their probabilities. The encoder's weight falls with the share of a line's tokens
that it did not learn from: unknown ones, and Han characters.
"""

from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
import transformers
from onnx import compose
from torch import nn
from transformers import BertModel

from hotseat_serve.runtime.session import Session
from hotseat_train.data.dataset import Split
from hotseat_train.models.text.categories import Categories
from hotseat_train.models.text.char_cnn import TextRows, by_length
from hotseat_train.models.text.word_pieces import TOKENIZER, WordPieces
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.onnx_graph.float_products import with_float_products
from hotseat_train.onnx_graph.load import load
from hotseat_train.onnx_graph.merge import chain
from hotseat_train.optim.gradient_learner import GradientLearner
from hotseat_train.optim.loop import Plan, State
from hotseat_train.optim.supervised import fit

Array = np.ndarray[Any, Any]
_SHARE = 0.5
"""The encoder's weight where it knows all tokens."""
_HALF = 0.5
_HIDDEN = 512
_LENGTH = 20.0
"""Of a line's vector; its direction alone is learned from."""
_LOWEST = -1e4
_LEAST = 1e-3
"""Of the characters' probabilities: int8 rounds smaller ones to 0."""
_AT_ONCE = 256


class EncoderNet(nn.Module):
    """Numbers of tokens [n, length] in, logits out; 0 is padding.

    As in `char_cnn.TextNet`, these are logits of the categories in training, and
    logarithms of the labels' probabilities in evaluation.
    """

    def __init__(self, encoder: BertModel, categories: Categories) -> None:
        super().__init__()
        self.encoder, self.categories = encoder, categories
        # it keeps what it knows of words that no training row has
        for weights in encoder.embeddings.parameters():
            weights.requires_grad_(False)
        self.head = nn.Sequential(
            nn.Linear(encoder.config.hidden_size, _HIDDEN),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(_HIDDEN, len(categories.outputs)),
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        if self.training:
            return self.logits_of(ids, (ids > 0).float())
        logits = by_length((ids > 0).sum(1), ids, self._logits)
        return self.categories.merged(logits)

    def _logits(self, ids: torch.Tensor) -> torch.Tensor:
        return self.logits_of(ids, (ids > 0).float())

    def logits_of(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the categories' logits [n, outputs]; `mask` is 1 at a token."""
        # added to the attention; a mask [n, length] cannot be traced
        away = ((1 - mask) * _LOWEST)[:, None, None, :]
        tokens = self.encoder(ids, attention_mask=away).last_hidden_state
        mean = (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        line = _LENGTH * mean / mean.norm(dim=1, keepdim=True)
        logits: torch.Tensor = self.head(line)
        return logits


class EncoderLearner(GradientLearner):
    """An encoder of a folder, and the finished graph of characters beside it."""

    family = "encoder"
    module: EncoderNet
    obfuscated = 0.2
    """Share of the training texts to obfuscate in an epoch."""

    def __init__(
        self, folder: Path, characters: Path, categories: Categories, seed: int
    ) -> None:
        """Read the encoder.

        `folder` holds config.json, model.safetensors and tokenizer.json, in the formats
        of Hugging Face; `characters` is a graph of `char_cnn.TextLearner`.
        """
        torch.manual_seed(seed)
        self.folder = folder
        # in floats: int8 would answer otherwise in another batch
        self.characters = with_float_products(load(characters))
        self.words = WordPieces(folder / TOKENIZER)
        # it lists the weights left out, and shows a bar for those that it reads
        transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        encoder = BertModel.from_pretrained(
            folder, add_pooling_layer=False, attn_implementation="eager"
        )
        self.module = EncoderNet(encoder, categories)

    def encode(self, inputs: tuple[str, ...]) -> TextRows:
        """Return the encoded texts."""
        return TextRows(inputs, self.words)

    def fit(self, train: Split, validation: Split, plan: Plan, **options: Any) -> State:
        """Train on plain and obfuscated texts; see `Learner.fit`.

        Texts of which the encoder knows less than half are left out.
        """
        train, validation = (
            part.pick(np.flatnonzero(self.words.shares(part.inputs) >= _HALF).tolist())
            for part in (train, validation)
        )
        rows = TextRows(train.inputs, self.words, self.obfuscated)
        categories = self.module.categories
        allowed = categories.allowed(train.targets, train.allowed)

        def losses(logits: torch.Tensor, batch: Array) -> torch.Tensor:
            return categories.losses(logits, allowed[batch], None, 0)

        return fit(
            self.module,
            (rows, train.targets),
            (self.encode(validation.inputs), validation.targets),
            plan,
            losses=losses,
            **options,
        )

    def probabilities(self, inputs: tuple[str, ...]) -> Array:
        """Return the probabilities [rows, labels] of encoder and characters."""
        with TemporaryDirectory() as folder:
            graph = Path(folder, "characters.onnx")
            onnx.save(self.characters, graph)
            session = Session(graph)
        serving = self._serving()
        rows, found = self.encode(inputs), []
        for at in range(0, len(inputs), _AT_ONCE):
            some = inputs[at : at + _AT_ONCE]
            beside = session.run({"text": np.array(some, object)})
            (ids,) = rows.take(np.arange(at, at + len(some)))
            with torch.no_grad():
                scores, _ = serving(
                    ids,
                    (ids > 0).long(),
                    torch.from_numpy(beside["scores"]),
                    torch.from_numpy(beside["categories"]),
                )
            found.append(scores.numpy())
        return np.concatenate(found)

    def export(self, path: Path) -> None:
        """Write the graph, and the tokenizer beside it.

        ``text`` strings [rows], ``input_ids`` and ``attention_mask`` [rows, tokens] in;
        ``scores`` [rows, labels] and ``categories`` out, as of the characters' graph.
        """
        first = compose.add_prefix(self.characters, "characters.", rename_inputs=False)
        labels = len(self.module.categories.labels)
        parts = len(self.module.categories.outputs) - labels + 1
        ids = torch.tensor([[1, 2, 3], [1, 2, 0]])
        inputs = {
            "input_ids": ids,
            "attention_mask": (ids > 0).long(),
            "characters.scores": torch.rand(2, labels),
            "characters.categories": torch.rand(2, parts),
        }
        sizes = {0: "n", 1: "tokens"}
        second = to_onnx(self._serving(), inputs, ["scores", "categories"], sizes)
        onnx.save(chain(first, second), path)
        copyfile(self.folder / TOKENIZER, path.parent / TOKENIZER)

    def _serving(self) -> "_Serving":
        return _Serving(self.module, torch.from_numpy(self.words.known())).eval()


class _Serving(nn.Module):
    """Tokens and the characters' probabilities in, probabilities of both out."""

    known: torch.Tensor

    def __init__(self, net: EncoderNet, known: torch.Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("known", known)
        categories = net.categories
        outputs = categories.outputs
        names = [name for within in categories.of_label.values() for name in within]
        self.parts = [outputs.index(name) for name in names]
        given = [*categories.labels, *names]
        self.beside = [given.index(name) for name in outputs]

    def forward(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        scores: torch.Tensor,
        categories: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        there = mask.float()
        # without the token before and the one after the text
        count = (there.sum(1, keepdim=True) - 2).clamp(min=1)
        share = _SHARE * (self.known[ids] * there).sum(1, keepdim=True) / count
        own = self.net.logits_of(ids, there).log_softmax(1)
        beside = torch.cat([scores, categories], 1)[:, self.beside]
        both = share * own + (1 - share) * beside.clamp(min=_LEAST).log()
        probabilities = both.softmax(1)
        summed = self.net.categories.summed(probabilities)
        return summed, probabilities[:, self.parts]
