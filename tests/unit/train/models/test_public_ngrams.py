"""N-grams over a public alphabet."""

import numpy as np

from hotseat_train.models.text.public_ngrams import PublicNgramLearner, alphabet
from hotseat_train.onnx_graph.load import load


def test_the_alphabet_covers_what_players_write():
    """English, German, Russian, Greek, Chinese, Japanese kana and Korean."""
    letters = set(alphabet())
    assert set("ggwp ßñéжωが打得好谢谢한국") <= letters
    assert "A" not in letters  # folded
    assert alphabet() == tuple(sorted(letters))


def test_the_graph_answers_as_the_model(tmp_path):
    """Over known and unknown characters, through the exported graph."""
    from hotseat_serve.runtime.session import Session

    learner = PublicNgramLearner(3, buckets=64)
    rng = np.random.default_rng(0)
    table = learner.module.table.weight.data
    table.copy_(table.new_tensor(rng.normal(size=table.shape)))
    learner.export(tmp_path / "model.onnx")
    texts = ("gg WP", "打得好", "\U0001f600 ok", "a")
    graph = Session(tmp_path / "model.onnx")
    (scores,) = graph.run({"text": np.array(texts, object)}).values()
    assert np.allclose(scores, learner.probabilities(texts), atol=1e-5)
    assert load(tmp_path / "model.onnx").graph.node
