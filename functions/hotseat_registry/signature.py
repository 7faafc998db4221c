"""The signature of a model: its inputs, outputs, labels and options."""

from collections.abc import Mapping
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.decision import Decision
from hotseat_registry.errors import IntegrityError
from hotseat_registry.json_dataclass import (
    JsonDataclass,
    from_json_list,
    set_frozen_field,
)
from hotseat_registry.reading import Reading
from hotseat_registry.retrieval import Retrieval
from hotseat_registry.text_plan import TextPlan


@dataclass(frozen=True, slots=True)
class Field(JsonDataclass):
    """One named feature: a column of an input of form ``features``."""

    name: str
    type: str = "number"
    """number, category, date (in days since 1970), text or list."""
    default: Any = None
    """What a missing feature is; None: it must be given. Of a date ``now``: the time of
    the request."""
    minimum: float | None = None
    """A number below it is refused; None: any."""
    maximum: float | None = None
    """A number above it is refused; None: any."""
    categories: tuple[str, ...] | None = None
    """All that may be given, others are refused; None: any."""
    observed: tuple[float, float] | None = None
    """The least and the greatest number that training saw; others are answered, with a
    warning. None: not known."""
    known: tuple[str, ...] | None = None
    """The categories that training learned; others are answered, with a warning.
    None: not known."""
    reading: Reading | None = None
    """How texts become values. None: a number is no text, a category nothing else."""

    def __post_init__(self) -> None:
        """Take JSON's lists for tuples; raises `IntegrityError` for what is none."""
        if isinstance(self.reading, Mapping):
            set_frozen_field(self, "reading", Reading.from_json(self.reading))
        for name in ("categories", "observed", "known"):
            if getattr(self, name) is not None:
                set_frozen_field(self, name, tuple(getattr(self, name)))
        for name, words in (("categories", self.categories), ("known", self.known)):
            if not all(isinstance(word, str) for word in words or ()):
                raise IntegrityError(f"field {self.name!r}: {name} are strings")
        for name in ("minimum", "maximum"):
            if not _is_bound(getattr(self, name)):
                raise IntegrityError(f"field {self.name!r}: {name} is a number")
        ends = (0, 0) if self.observed is None else self.observed
        if (
            len(ends) != 2
            or None in ends
            or not all(map(_is_bound, ends))
            or not ends[0] <= ends[1]
        ):
            raise IntegrityError(
                f"field {self.name!r}: observed is the least and the greatest number"
            )


def _is_bound(value: Any) -> bool:
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool)
    )


@dataclass(frozen=True, slots=True)
class Tokens(JsonDataclass):
    """How a tokenizer of the `tokenizers` package fills one tensor of a text model."""

    file: str
    """The tokenizer, a file of the version: Hugging Face's tokenizer.json."""
    part: str = "ids"
    """ids, mask (1 for a token, 0 for padding) or types (segment ids)."""
    text: str = "text"
    """The field of a request that holds the text; inputs of one text share it."""
    max_tokens: int = 512
    """Longer texts are cut there, with a warning."""


@dataclass(frozen=True, slots=True)
class Image(JsonDataclass):
    """How an encoded image (PNG, JPEG, WebP) fills a tensor.

    It is turned upright, put on white where it is transparent, scaled to `resize`,
    cropped in the middle to `width` by `height`, and each number x becomes
    (x * scale - mean) / deviation.
    """

    width: int
    height: int
    resize: tuple[int, ...] = ()
    """One number: the shorter side's pixels; two: width and height, whatever the
    proportions. Empty: width and height of the crop."""
    filter: str = "bilinear"
    """nearest, bilinear, bicubic or lanczos."""
    jpeg: int | None = None
    """Quality of a JPEG that the resized image is written to and read from again, for
    networks of Caffe that learned on such images. None: it is not."""
    channels: str = "RGB"
    """RGB, BGR or L (grey)."""
    layout: str = "NCHW"
    """NCHW: channel by channel; NHWC: pixel by pixel."""
    scale: float = 1 / 255
    mean: tuple[float, ...] = ()
    """Of each channel, in the order of `channels`. Empty: 0."""
    deviation: tuple[float, ...] = ()
    """Of each channel. Empty: 1."""
    max_pixels: int = 16_000_000
    """Larger images are refused before they are decoded."""
    multiple: int | None = None
    """For a step that finds or reads regions: `width` and `height` are the most, the
    proportions stay, and lengths are multiples of this number. None: the image is
    cropped to `width` by `height`."""

    def __post_init__(self) -> None:
        """Take JSON's lists for tuples; raises `IntegrityError`."""
        for name in ("resize", "mean", "deviation"):
            set_frozen_field(self, name, tuple(getattr(self, name)))
        count = len(self.channels)
        for name, known in (
            ("channels", ("RGB", "BGR", "L")),
            ("layout", ("NCHW", "NHWC")),
            ("filter", ("nearest", "bilinear", "bicubic", "lanczos")),
        ):
            if getattr(self, name) not in known:
                raise IntegrityError(f"image: {name} is one of {', '.join(known)}")
        if len(self.resize) > 2:
            raise IntegrityError("image: resize is one number or two")
        for name in ("mean", "deviation"):
            if len(getattr(self, name)) not in {0, count}:
                raise IntegrityError(
                    f"image: {name} has {count} numbers, one a channel"
                )
        sides = (self.width, self.height, *self.resize, self.multiple or 1)
        if min((*sides, self.max_pixels)) < 1:
            raise IntegrityError("image: lengths in pixels are 1 or more")
        if self.jpeg is not None and not 1 <= self.jpeg <= 95:
            raise IntegrityError("image: jpeg is a quality from 1 to 95")
        if 0 in self.deviation:
            raise IntegrityError("image: a deviation of 0 divides by nothing")


@dataclass(frozen=True, slots=True)
class Input(JsonDataclass):
    """One input tensor of the model, and how game-shaped JSON fills it."""

    name: str
    datatype: str
    """Of the Open Inference Protocol: BYTES, FP32, INT64 ..."""
    shape: tuple[int, ...]
    """-1 is any length; the first is the batch."""
    form: str
    """text, features, board, tensor (one a row), array (a whole tensor, rows and all;
    a request has one), tokens or image."""
    max_bytes: int | None = None
    """Of one text, in UTF-8."""
    too_long: str | None = None
    """What becomes of a text of more bytes: it is refused (``refuse``, or None), cut
    with a warning (``cut``), or judged in parts (``parts``): then the part counts that
    is the least likely to have the neutral label. Tensors of the Open Inference
    Protocol are refused in any case."""
    fields: tuple[Field, ...] | None = None
    """The columns, for the form ``features``."""
    minimum: float | None = None
    """A number of a board or tensor below it is refused; None: any."""
    maximum: float | None = None
    """A number of a board or tensor above it is refused; None: any."""
    default: float | None = None
    """What an array or tensor is filled with where a request leaves it out; None: it
    must be given."""
    tokens: Tokens | None = None
    """For the form tokens."""
    image: Image | None = None
    """For the form image."""

    def __post_init__(self) -> None:
        """Take JSON's list for the shape, and read the nested records."""
        set_frozen_field(self, "shape", tuple(self.shape))
        if self.fields is not None:
            set_frozen_field(self, "fields", from_json_list(Field, self.fields))
        if isinstance(self.tokens, Mapping):
            set_frozen_field(self, "tokens", Tokens.from_json(self.tokens))
        if isinstance(self.image, Mapping):
            set_frozen_field(self, "image", Image.from_json(self.image))

    @property
    def key(self) -> str:
        """The field of a request that fills it: of tokens, the text's."""
        return self.tokens.text if self.tokens is not None else self.name


@dataclass(frozen=True, slots=True)
class Output(JsonDataclass):
    """One output tensor of the model."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    role: str | None = None
    """What the kind reads from it: scores, value, policy or embedding. None: what its
    name says."""
    activation: str | None = None
    """What turns scores into probabilities: softmax, or sigmoid (each by itself). None:
    they are probabilities."""
    pooling: str | None = None
    """How vectors of tokens [rows, tokens, size] become one: mean (of the tokens that
    are no padding) or first. None: there is one vector a row."""
    normalize: bool | None = None
    """Whether an embedding is divided by its Euclidean length."""

    def __post_init__(self) -> None:
        """Take JSON's list for the shape."""
        set_frozen_field(self, "shape", tuple(self.shape))


@dataclass(frozen=True, slots=True)
class Level(JsonDataclass):
    """One strength of a policy."""

    temperature: float = 0.0
    """0 takes the best action; 1 follows the probabilities; more is wilder."""
    simulations: int = 0
    """Of a search through the game's rules; 0: what the network says at once."""


@dataclass(frozen=True, slots=True)
class Generation(JsonDataclass):
    """How an autoregressive model generates one item, cell by cell.

    The model's input `grid` is INT64 [rows, height, width] with -1 where nothing
    stands yet; its first output is [rows, len(alphabet)], the logits of the next cell.
    """

    height: int
    width: int
    alphabet: tuple[str, ...]
    """What a cell may be, one character each."""
    grid: str = "grid"
    """The input that holds the cells so far."""
    by: str = "rows"
    """rows: left to right, then down; columns: top to bottom, then right."""
    batch: int = 16
    """Candidates that are sampled side by side."""
    batches: int = 16
    """Tried before it is given up."""
    choices: int = 1
    """Candidates that pass before the one nearest to the request is returned."""
    near: float = 0.0
    """Distance to the requested numbers at which a candidate is returned at once."""
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Take JSON's list for the alphabet."""
        set_frozen_field(self, "alphabet", tuple(self.alphabet))


@dataclass(frozen=True, slots=True)
class Signature(JsonDataclass):
    """The signature of a model: its inputs, outputs, labels and options."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    labels: tuple[str, ...] = ()
    threshold: float | None = None
    """For the kind multilabel: the probability from which a label holds; None: 0.5."""
    label_threshold: float | None = None
    """For the kind classification with two labels: the probability from which the
    second is the answer; None: the more probable label is."""
    categories: tuple[str, ...] | None = None
    """For the kind classification: the names of the columns of an output with the role
    ``categories`` [rows, categories], which holds the probability of each."""
    decision: Decision | None = None
    """For the kind classification: operating points that flag a row; None: there is
    nothing to flag."""
    neutral_label: str | None = None
    """The label of what needs no action, as ``ok`` of a moderation, if there is one."""
    max_rows: int | None = None
    """Inputs in one request."""
    non_finite: bool | None = None
    """Whether numbers may be NaN or infinite, as where NaN means missing."""
    rules: str | None = None
    """The game whose rules run beside the model; one of `hotseat_serve.rules`."""
    levels: Mapping[str, Level] | None = None
    """Strengths of a policy that may be asked by name."""
    generation: Generation | None = None
    """For the kind generation."""
    retrieval: Retrieval | None = None
    """For the kind retrieval."""
    text: TextPlan | None = None
    """For the kind text; inputs and outputs are then the prompt and the answer."""

    def __post_init__(self) -> None:
        """Read the nested records."""
        set_frozen_field(self, "inputs", from_json_list(Input, self.inputs))
        set_frozen_field(self, "outputs", from_json_list(Output, self.outputs))
        set_frozen_field(self, "labels", tuple(self.labels))
        if self.levels is not None:
            levels = {
                name: Level.from_json(item) if not isinstance(item, Level) else item
                for name, item in self.levels.items()
            }
            set_frozen_field(self, "levels", levels)
        if self.categories is not None:
            set_frozen_field(self, "categories", tuple(self.categories))
        if isinstance(self.decision, Mapping):
            set_frozen_field(self, "decision", Decision.from_json(self.decision))
        if isinstance(self.generation, Mapping):
            set_frozen_field(self, "generation", Generation.from_json(self.generation))
        if isinstance(self.retrieval, Mapping):
            set_frozen_field(self, "retrieval", Retrieval.from_json(self.retrieval))
        if isinstance(self.text, Mapping):
            set_frozen_field(self, "text", TextPlan.from_json(self.text))

    def output(self, role: str) -> Output | None:
        """Return the output that the kind reads as `role`, if there is one."""
        for output in self.outputs:
            if (output.role or output.name) == role:
                return output
        return None

    @property
    def files(self) -> tuple[str, ...]:
        """The version's files that an answer takes, beside the graph."""
        found = {item.tokens.file: None for item in self.inputs if item.tokens}
        if self.retrieval is not None:
            found |= {self.retrieval.vectors: None, self.retrieval.documents: None}
        if self.text is not None:
            found[self.text.tokenizer] = None
        return tuple(found)

    @property
    def format(self) -> int:
        """The least manifest format whose readers understand it.

        Readers of format 1 know neither roles nor what is done to inputs and outputs:
        they would answer otherwise, and so have to refuse. Readers of format 2 do not
        know features that are dates, texts or lists, and those of format 3 take the
        more probable label whatever the threshold. Those of format 4 know no language
        models.
        """
        if self.text is not None:
            return 5
        if self.label_threshold is not None:
            return 4
        if any(f.type in _FORMAT_3 for i in self.inputs for f in i.fields or ()):
            return 3
        newer = any(
            item.default is not None or item.form in _FORMAT_2 for item in self.inputs
        ) or any(
            (item.role, item.activation, item.pooling, item.normalize) != (None,) * 4
            for item in self.outputs
        )
        return 2 if newer or self._has_one_column else 1

    @property
    def _has_one_column(self) -> bool:
        """Whether one number is the second of two labels'."""
        scores = self.output("scores")
        return (
            scores is not None
            and len(self.labels) == 2
            and (len(scores.shape) == 1 or scores.shape[1:] == (1,))
        )


_FORMAT_2 = {"array", "tokens", "image"}
_FORMAT_3 = {"date", "text", "list"}
