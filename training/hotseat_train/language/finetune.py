"""Tunes the last layers of a language model on examples, on a few cores.

The layers below do not change, so that what they make of an example is computed once
and kept on disk; a step costs the last layers and the answer's logits alone. Needs
torch and transformers.
"""

import copy
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from hotseat_train.errors import RunError
from hotseat_train.language.examples import Example, Parts


@dataclass(frozen=True, slots=True)
class Plan:
    """How to tune."""

    system: str
    """The system message before each request."""
    layers: int = 6
    """Last layers that learn."""
    epochs: int = 2
    rate: float = 2e-4
    tokens: int = 1024
    """Tokens of a step, filling included."""
    longest: int = 160
    """Tokens of an example; longer ones are left out."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of it: perplexity of a token of the answers held back."""

    before: float
    after: float
    steps: int


@dataclass(frozen=True, slots=True)
class _Encoded:
    tokens: tuple[int, ...]
    answer: int
    """Where the answer begins."""


def finetune(
    source: Path,
    parts: Parts,
    plan: Plan,
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Tune the model of a Hugging Face folder; write the best one below `folder`.

    ``folder/model`` is again a Hugging Face folder. A run that was interrupted goes on
    from its last checkpoint. Raises `RunError` if the model has too few layers or
    no example is short enough.
    """
    torch.manual_seed(plan.seed)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    model.train(mode=False)
    if plan.layers >= len(model.model.layers):
        raise RunError(
            f"{source} has {len(model.model.layers)} layers: tune fewer of them"
        )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # of the file it was read from
    model.requires_grad_(requires_grad=False)
    lower, upper = _halves(model, plan.layers)
    training = _encoded(tokenizer, parts.training, plan)
    validation = _encoded(tokenizer, parts.validation, plan)
    if not training or not validation:
        raise RunError(f"no example has at most {plan.longest} tokens: raise the limit")
    test = _encoded(tokenizer, parts.test, plan)
    kept = _kept(lower, training, folder / "training", plan, say)
    held = _kept(lower, validation, folder / "validation", plan, say)
    last = _kept(lower, test, folder / "test", plan, say)
    run = _Run(model, upper, plan, folder)
    before = run.perplexity(test, last)
    run.restore()
    while run.step < run.steps(training):
        for batch in run.batches(training):
            run.learn(training, kept, batch)
            if run.step % 50 == 0:
                say(f"step {run.step} of {run.steps(training)}, loss {run.loss:.3f}")
        after = run.perplexity(validation, held)
        say(f"epoch {run.epoch + 1} of {plan.epochs}: perplexity {after:.2f}")
        run.keep(after)
    run.best()
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    result = Tuned(before, run.perplexity(test, last), run.step)
    (folder / "tuned.json").write_text(
        json.dumps({"plan": asdict(plan), **asdict(result)}, indent=1)
    )
    return result


def prompt(tokenizer: Any, system: str, request: str) -> str:
    """Return the text of a request up to where the answer begins."""
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": request},
    ]
    return str(
        tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
    )


def _encoded(tokenizer: Any, examples: Sequence[Example], plan: Plan) -> list[_Encoded]:
    rows = []
    for each in examples:
        before = tokenizer(
            prompt(tokenizer, plan.system, each.request), add_special_tokens=False
        ).input_ids
        answer = tokenizer(each.answer, add_special_tokens=False).input_ids
        tokens = (*before, *answer, tokenizer.eos_token_id)
        if len(tokens) <= plan.longest:
            rows.append(_Encoded(tokens, len(before)))
    return rows


def _halves(model: Any, layers: int) -> tuple[Any, Any]:
    """Return the layers that stay as they are, and those that learn, as two models."""
    decoder = model.model
    lower = copy.copy(decoder)
    lower._modules = dict(decoder._modules)  # noqa: SLF001  # a view without copies
    lower.layers = decoder.layers[:-layers]
    lower.norm = torch.nn.Identity()
    upper = copy.copy(decoder)
    upper._modules = dict(decoder._modules)  # noqa: SLF001
    upper.layers = decoder.layers[-layers:]
    for each in (upper.layers, upper.norm):
        each.requires_grad_(requires_grad=True)
    return lower, upper


def _kept(
    lower: Any,
    rows: Sequence[_Encoded],
    path: Path,
    plan: Plan,
    say: Callable[[str], None],
) -> list[np.ndarray[Any, Any]]:
    """Return what the lower layers make of each row: float16 [tokens, width], mapped.

    Kept in ``path.npy`` and not computed again.
    """
    starts = np.cumsum([0, *(len(each.tokens) for each in rows)])
    file = path.with_suffix(".npy")
    if not file.exists():
        part = path.with_suffix(".part.npy")
        width = lower.config.hidden_size
        states = np.lib.format.open_memmap(
            part, mode="w+", dtype=np.float16, shape=(int(starts[-1]), width)
        )
        order = sorted(range(len(rows)), key=lambda at: len(rows[at].tokens))
        done = 0
        for batch in _by_tokens(rows, order, plan.tokens):
            ids, mask = _padded([rows[at] for at in batch])
            with torch.inference_mode():
                out = lower(input_ids=ids, attention_mask=mask, use_cache=False)
            for at, each in zip(batch, out.last_hidden_state, strict=True):
                length = len(rows[at].tokens)
                states[starts[at] : starts[at] + length] = each[:length].half().numpy()
            before, done = done, done + len(batch)
            if before * 10 // len(rows) < done * 10 // len(rows):
                say(f"lower layers: {done} of {len(rows)} examples")
        states.flush()
        part.replace(file)
    whole = np.load(file, mmap_mode="r")
    return [whole[a:b] for a, b in pairwise(starts)]


def _by_tokens(
    rows: Sequence[_Encoded], order: Sequence[int], tokens: int
) -> Iterator[list[int]]:
    """Yield places in order, as many at once as fill `tokens` with the longest one."""
    batch: list[int] = []
    longest = 0
    for at in order:
        longer = max(longest, len(rows[at].tokens))
        if batch and longer * (len(batch) + 1) > tokens:
            yield batch
            batch, longer = [], len(rows[at].tokens)
        batch.append(at)
        longest = longer
    if batch:
        yield batch


def _padded(rows: Sequence[_Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(each.tokens) for each in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for at, each in enumerate(rows):
        ids[at, : len(each.tokens)] = torch.tensor(each.tokens)
        mask[at, : len(each.tokens)] = 1
    return ids, mask


class _Run:
    """The steps of one tuning, with what a checkpoint holds."""

    def __init__(self, model: Any, upper: Any, plan: Plan, folder: Path) -> None:
        self._model, self._upper, self._plan = model, upper, plan
        self._folder = folder
        self._learning = [each for each in upper.parameters() if each.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._learning, lr=plan.rate, weight_decay=0.01
        )
        self._total = 0
        self.epoch = self.step = 0
        self.loss = self.lowest = math.inf

    def batches(self, rows: Sequence[_Encoded]) -> list[list[int]]:
        """Return the batches of this epoch: like lengths together, in random order."""
        return self._batches(rows, self.epoch)

    def _batches(self, rows: Sequence[_Encoded], epoch: int) -> list[list[int]]:
        random = np.random.default_rng([self._plan.seed, epoch])
        jitter = random.uniform(0, 8, len(rows))
        order = sorted(
            range(len(rows)), key=lambda at: len(rows[at].tokens) + jitter[at]
        )
        found = list(_by_tokens(rows, order, self._plan.tokens))
        random.shuffle(found)
        return found

    def steps(self, rows: Sequence[_Encoded]) -> int:
        """Return the number of steps of all epochs."""
        if not self._total:
            epochs = range(self._plan.epochs)
            self._total = sum(len(self._batches(rows, each)) for each in epochs)
        return self._total

    def learn(
        self,
        rows: Sequence[_Encoded],
        kept: Sequence[np.ndarray[Any, Any]],
        batch: Sequence[int],
    ) -> None:
        """Take one step."""
        share = self.step / max(1, self._total)
        warm = min(1.0, (self.step + 1) / 30)
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate * warm * (1 + math.cos(math.pi * share)) / 2
        logits, wanted = self._answers(rows, kept, batch)
        loss = functional.cross_entropy(logits, wanted)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._learning, 1.0)
        self._optimizer.step()
        value = float(loss.detach())
        self.loss = value if math.isinf(self.loss) else 0.95 * self.loss + 0.05 * value
        self.step += 1

    def perplexity(
        self, rows: Sequence[_Encoded], kept: Sequence[np.ndarray[Any, Any]]
    ) -> float:
        """Return the perplexity of a token of the answers."""
        total, count = 0.0, 0
        order = sorted(range(len(rows)), key=lambda at: len(rows[at].tokens))
        for batch in _by_tokens(rows, order, self._plan.tokens):
            with torch.inference_mode():
                logits, wanted = self._answers(rows, kept, batch)
                total += float(
                    functional.cross_entropy(logits, wanted, reduction="sum")
                )
            count += len(wanted)
        return math.exp(total / count)

    def _answers(
        self,
        rows: Sequence[_Encoded],
        kept: Sequence[np.ndarray[Any, Any]],
        batch: Sequence[int],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits [answer tokens, vocabulary] and the tokens."""
        ids, mask = _padded([rows[at] for at in batch])
        states = torch.zeros(*ids.shape, kept[batch[0]].shape[1])
        answer = torch.zeros(ids.shape, dtype=torch.bool)
        for at, place in enumerate(batch):
            length = len(rows[place].tokens)
            states[at, :length] = torch.from_numpy(np.array(kept[place])).float()
            answer[at, rows[place].answer - 1 : length - 1] = True
        out = self._upper(
            inputs_embeds=states, attention_mask=mask, use_cache=False
        ).last_hidden_state
        following = torch.roll(ids, -1, dims=1)
        return self._model.lm_head(out[answer]), following[answer]

    def keep(self, perplexity: float) -> None:
        """Close an epoch: write the checkpoint, and the best one if it is."""
        self.epoch += 1
        state = {
            "learning": [each.detach() for each in self._learning],
            "optimizer": self._optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "lowest": min(self.lowest, perplexity),
        }
        part = self._folder / "checkpoint.part"
        torch.save(state, part)
        if perplexity < self.lowest:
            self.lowest = perplexity
            torch.save(state["learning"], self._folder / "best.pt")
        part.replace(self._folder / "checkpoint.pt")

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one."""
        path = self._folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self._put(state["learning"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.lowest = state["lowest"]

    def best(self) -> None:
        """Put the weights of the best epoch into the model."""
        if (self._folder / "best.pt").exists():
            self._put(torch.load(self._folder / "best.pt", weights_only=True))

    def _put(self, values: Sequence[torch.Tensor]) -> None:
        with torch.no_grad():
            for each, value in zip(self._learning, values, strict=True):
                each.copy_(value)
