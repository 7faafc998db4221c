"""A sentence encoder beside a model of characters, in small."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import WordPieceTrainer
from transformers import BertConfig, BertModel

from hotseat_registry import Manifest, Output, Signature, Variant
from hotseat_registry.signature import Input, Tokens
from hotseat_serve.runtime.session import Session
from hotseat_train.compression import quantize
from hotseat_train.data.dataset import Split
from hotseat_train.evaluation import parity
from hotseat_train.evaluation.run_model import open_variant
from hotseat_train.models.text import tokenizer
from hotseat_train.models.text.categories import Categories
from hotseat_train.models.text.char_cnn import Shape, TextLearner
from hotseat_train.models.text.sentence_encoder import EncoderLearner
from hotseat_train.models.text.word_pieces import MAX_TOKENS, TOKENIZER, WordPieces
from hotseat_train.optim.loop import Plan
from hotseat_train.optim.supervised import measure
from hotseat_train.run import Run

ENGLISH = tuple(
    f"{a} {b}" for a in ("good", "bad", "fine", "poor")
    for b in ("game", "team", "match", "round", "play")
)  # fmt: skip
CHINESE = ("垃圾游戏", "不错游戏", "垃圾不错")
LINES = (*ENGLISH, *CHINESE)
BAD = ("bad", "poor", "垃圾")
TREE = Categories(("good", "bad"), {"bad": ("rude", "cruel")})
ROWS = Split(
    LINES,
    tuple(int(line.startswith(BAD)) for line in LINES),
    allowed=tuple(
        frozenset({"rude"} if line.startswith(BAD) else {"good"}) for line in LINES
    ),
)
SMALL = Shape(width=8, hidden=(8,), head=8, common=100, buckets=1 << 8)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """An encoder that has learned nothing, in the files of Hugging Face."""
    folder = tmp_path_factory.mktemp("encoder")
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = WordPieceTrainer(vocab_size=120, special_tokens=special)
    words.train_from_iterator((*ENGLISH, "垃 圾"), trainer)
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    words.save(str(folder / TOKENIZER))
    shape = BertConfig(
        vocab_size=words.get_vocab_size(), hidden_size=16, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=32,
    )  # fmt: skip
    BertModel(shape, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    """A small graph of characters, int8 as the one that is installed."""
    folder = tmp_path_factory.mktemp("characters")
    vocabulary = tokenizer.build_vocabulary(LINES, SMALL.common)
    TextLearner(vocabulary, TREE, 0, SMALL).export(folder / "model.onnx")
    return quantize.dynamic(folder / "model.onnx", folder / "model.int8.onnx")


@pytest.fixture(scope="module")
def learner(pretrained, characters):
    """One that has learned from a few rows."""
    made = EncoderLearner(pretrained, characters, TREE, 0)
    before = made.module.encoder.embeddings.word_embeddings.weight.clone()
    rows = made.encode(ENGLISH), ROWS.targets[: len(ENGLISH)]
    loss, _ = measure(made.module, *rows)
    plan = Plan("adamw", 3e-3, batch_size=4, max_epochs=30, schedule="cosine")
    made.fit(ROWS, ROWS, plan)
    after, _ = measure(made.module, *rows)
    assert after < loss / 2
    assert (made.module.encoder.embeddings.word_embeddings.weight == before).all()
    return made


@pytest.fixture(scope="module")
def served(learner, tmp_path_factory):
    """Its exported graph, opened as a run's variant."""
    run = Run(tmp_path_factory.mktemp("run"))
    learner.export(run.model)
    inputs = (
        Input("text", "BYTES", (-1,), "text"),
        *(Input(name, "INT64", (-1, -1), "tokens",
                tokens=Tokens(TOKENIZER, part, max_tokens=MAX_TOKENS))
          for name, part in (("input_ids", "ids"), ("attention_mask", "mask"))),
    )  # fmt: skip
    signature = Signature(
        inputs=inputs,
        outputs=(
            Output("scores", "FP32", (-1, 2)),
            Output("categories", "FP32", (-1, 2)),
        ),
        labels=TREE.labels,
        categories=TREE.of_label["bad"],
    )
    variant = Variant("fp32", run.model.name)
    manifest = Manifest(
        model="chat", kind="classification", signature=signature, variants=(variant,),
        default_variant="fp32",
    )  # fmt: skip
    return open_variant(run, manifest, variant)


def scores(answers):
    """Return the labels' probabilities [rows, labels]."""
    return np.array([[row["scores"][name] for name in TREE.labels] for row in answers])


def test_the_graph_answers_as_the_model(learner, served):
    """Both parts, tokens and all, as a service opens it."""
    assert parity.check(served, ROWS, parity.answers(learner, ROWS)) < 1e-4


def test_a_line_is_answered_alike_alone_and_among_others(served):
    """Of whatever length the others are."""
    lines = [*LINES, "good game " * 40, "bad"]
    together = scores(served.predict(lines))
    for line, row in zip(lines, together, strict=True):
        assert np.allclose(scores(served.predict([line]))[0], row, atol=1e-5)


def test_characters_alone_judge_what_the_encoder_does_not_know(served, characters):
    """Han characters are tokens, some of them, but the encoder learned no Chinese."""
    alone = Session(characters).run({"text": np.array(CHINESE, object)})["scores"]
    assert np.allclose(scores(served.predict(CHINESE)), alone, atol=0.02)
    # and English lines are judged by both
    alone = Session(characters).run({"text": np.array(ENGLISH, object)})["scores"]
    assert np.abs(scores(served.predict(ENGLISH)) - alone).max() > 0.1


def test_categories_add_up_to_their_label(served):
    """As of the model of characters."""
    for row in served.predict(LINES):
        assert sum(row["categories"].values()) == pytest.approx(row["scores"]["bad"])


def test_known_shares(pretrained):
    """Unknown words and Han characters are not known; the marks do not count."""
    words = WordPieces(pretrained / TOKENIZER)
    found = words.shares(["good game", "垃圾", "good 垃", "", "☃ ☃ game"])
    assert found == pytest.approx([1, 0, 0.5, 0, 1 / 3])
