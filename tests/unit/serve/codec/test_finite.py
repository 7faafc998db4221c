"""Whether every number of an array is finite, at every size and type."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hotseat_serve.codec import tensors

ODD = st.sampled_from([0.0, -1.5, 3e38, -1e308, np.inf, -np.inf, np.nan])


FLOATS = st.sampled_from([np.float16, np.float32, np.float64])
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=20)


@given(FLOATS, SHAPES.flatmap(lambda shape: arrays.arrays(
    np.float64, shape, elements=ODD, fill=st.just(0.0))))  # fmt: skip
def test_it_is_what_numpy_says(dtype, numbers):
    """Squares that overflow are no numbers that are not finite."""
    with np.errstate(over="ignore"):
        array = numbers.astype(dtype)
    assert tensors.finite(array) == bool(np.isfinite(array).all())
    assert tensors.finite(array.T) == bool(np.isfinite(array).all())


def test_whole_numbers_are_finite():
    """Their squares may overflow, and are not formed."""
    assert tensors.finite(np.array([2**62, -(2**62)], np.int64))
    assert tensors.finite(np.array([True, False]))
