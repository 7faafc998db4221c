# A copy of functions/hotseat_serve/text/vocabulary.py, by `make shared`.
"""The tokenizer of a language model: texts to tokens and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotseat._device.shared.text_plan import TextPlan
from hotseat._device.text.problems import IntegrityError

_NEEDED = (
    "a language model needs the packages tokenizers and llguidance: pip install "
    "'hotseat[say]'"
)


class Vocabulary:
    """A tokenizer.json of Hugging Face; raises `IntegrityError` if it does not load."""

    def __init__(self, path: Path, plan: TextPlan) -> None:
        try:
            from tokenizers import Tokenizer  # late: only versions with one take it
        except ImportError:
            raise IntegrityError(_NEEDED) from None
        self._path = path
        self._size = plan.vocabulary
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001 (tokenizers has no error of its own)
            raise IntegrityError(f"the tokenizer does not load: {error}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        added = self._tokenizer.get_added_tokens_decoder()
        special = {number: token.content for number, token in added.items()
                   if token.special}  # fmt: skip
        self.special = tuple(dict.fromkeys(special.values()))
        """The texts of the special tokens."""
        if max(plan.stop_tokens, default=0) >= plan.vocabulary:
            raise IntegrityError("a stop token is none of the vocabulary")
        never = set(special) - set(plan.stop_tokens)
        self.never = np.array(sorted(n for n in never if n < plan.vocabulary), np.int64)
        """Special tokens that are not sampled: they end no answer."""
        self._grammars: Any = None

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, special ones where it names them."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special ones."""
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    def grammars(self, stop: Sequence[int]) -> Any:
        """Return llguidance's view of the vocabulary, opened at the first constraint.

        Raises `IntegrityError` without the package.
        """
        if self._grammars is None:
            try:
                import llguidance
            except ImportError:
                raise IntegrityError(_NEEDED) from None
            self._grammars = llguidance.LLTokenizer(
                self._path.read_text("utf-8"),
                n_vocab=self._size,
                eos_token=list(stop),
            )
        return self._grammars
