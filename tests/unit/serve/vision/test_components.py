"""Connected components of a mask, beside a plain flood fill."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hotseat_serve.vision.components import components


def flooded(mask):
    """Return the label of each pixel, by a flood fill over eight neighbours."""
    labels = np.full(mask.shape, -1)
    number = 0
    for at in zip(*np.nonzero(mask), strict=True):
        if labels[at] >= 0:
            continue
        rest = [at]
        labels[at] = number
        while rest:
            y, x = rest.pop()
            for near in ((y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
                inside = 0 <= near[0] < mask.shape[0] and 0 <= near[1] < mask.shape[1]
                if inside and mask[near] and labels[near] < 0:
                    labels[near] = number
                    rest.append(near)
        number += 1
    return labels, number


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_components_are_those_of_a_flood_fill(mask):
    """The same pixels belong together, whatever the numbers are."""
    runs = components(mask)
    labels, number = flooded(mask)
    assert runs.components == number
    own = np.full(mask.shape, -1)
    for row, start, end, component in zip(*runs, strict=True):
        own[row, start:end] = component
    pairs = set(zip(own[mask].tolist(), labels[mask].tolist(), strict=True))
    assert len(pairs) == number
    assert (own[~mask] == -1).all()
    if number:
        values = np.arange(mask.size, dtype=float).reshape(mask.shape)
        totals = np.bincount(own[mask], values[mask], number)
        np.testing.assert_allclose(runs.totals(values), totals)
        np.testing.assert_array_equal(runs.sizes(), np.bincount(own[mask]))


def test_a_mask_of_noise_takes_no_longer_than_its_runs():
    """Half of all pixels set, which is one component: every run is joined once."""
    mask = np.random.default_rng(0).random((360, 640)) < 0.7
    runs = components(mask)
    assert runs.sizes().max() > 0.99 * mask.sum()
