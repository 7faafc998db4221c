"""Features of texts and lists: which words or items occur, as a part of the graph.

The codec joins words with `cells.BETWEEN`; the graph splits them again. A text has its
words and pairs of words as features, a list its items.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from sklearn.feature_selection import chi2

from hotseat_serve.codec.cells import BETWEEN
from hotseat_train.models.tables.synthetic_rows import MIN_ROWS
from hotseat_train.onnx_graph.builder import Graph

EMPTY = "-"
"""The value of a missing text; no word is spelled so."""
_CANDIDATES, _LARGEST = 4_000, 300
"""Most frequent n-grams that are compared, and those that become features."""
_CONTRIB = "com.microsoft"


def vocabulary(
    texts: Sequence[str], targets: Sequence[float], *, pairs: bool
) -> list[tuple[str, ...]]:
    """Return the n-grams of training rows that tell the most about the labels.

    `texts` are words joined by `BETWEEN`. An n-gram has to occur in five rows. Labels
    are compared by chi-squared; where there are more than 100, frequency counts.
    """
    rows = [_grams(text, pairs=pairs) for text in texts]
    counts = Counter(gram for row in rows for gram in row)
    common = [g for g, n in counts.most_common(_CANDIDATES) if n >= MIN_ROWS]
    if len(common) > _LARGEST and len(set(targets)) <= 100:
        at = {gram: column for column, gram in enumerate(common)}
        table = np.zeros((len(rows), len(common)), np.float32)
        for row, grams in enumerate(rows):
            table[row, [at[gram] for gram in grams if gram in at]] = 1
        scores, _ = chi2(table, np.asarray(targets))
        order = np.argsort(-np.nan_to_num(scores), kind="stable")[:_LARGEST]
        common = [common[column] for column in order]
    return sorted(common[:_LARGEST], key=lambda gram: (len(gram), gram))


def _grams(text: str, *, pairs: bool) -> set[tuple[str, ...]]:
    words = [] if text == EMPTY else text.split(BETWEEN)
    grams: set[tuple[str, ...]] = {(word,) for word in words}
    if pairs:
        grams |= set(pairwise(words))
    return grams


def part(graph: Graph, texts: str, index: int, grams: Sequence[tuple[str, ...]]) -> str:
    """Add the features [n, grams] of a column of `texts` [n, columns]; return the name.

    A feature is 1 where the n-gram occurs. `grams` are sorted by length.
    """
    column = graph.add("Gather", texts, graph.integer(index), axis=1)
    words = graph.add(
        "Tokenizer", column, domain=_CONTRIB, mark=0, mincharnum=1, pad_value="\x00",
        separators=[BETWEEN],
    )  # fmt: skip
    single = [gram for gram in grams if len(gram) == 1]
    counts = graph.add(
        "TfIdfVectorizer", words, mode="TF", min_gram_length=1,
        max_gram_length=2 if len(single) < len(grams) else 1, max_skip_count=0,
        ngram_counts=[0] if len(single) == len(grams) else [0, len(single)],
        ngram_indexes=list(range(len(grams))),
        pool_strings=[word for gram in grams for word in gram],
    )  # fmt: skip
    return graph.add("Sign", counts)
