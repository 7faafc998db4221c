"""Boxes and texts from what networks for that put out."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_serve.vision.ctc import best_path
from hotseat_serve.vision.rectangles import smallest
from hotseat_serve.vision.text_boxes import text_boxes

RULE = {"threshold": 0.3, "box_threshold": 0.5, "growth": 1.5, "most": 8}
POINT = st.tuples(st.integers(-50, 50), st.integers(-50, 50))


@settings(max_examples=80, deadline=None)
@given(st.lists(POINT, min_size=1, max_size=30), st.floats(-3.2, 3.2))
def test_the_smallest_rectangle_holds_all_points(points, angle):
    """Of any angle, and no turned box around them is smaller."""
    array = np.array(points, float)
    found = smallest(array)
    across, down = np.array(found.along), np.array((-found.along[1], found.along[0]))
    offset = array - (found.x, found.y)
    assert (abs(offset @ across) <= found.width / 2 + 1e-6).all()
    assert (abs(offset @ down) <= found.height / 2 + 1e-6).all()
    turned = array @ np.array([[np.cos(angle), -np.sin(angle)],
                               [np.sin(angle), np.cos(angle)]])  # fmt: skip
    other = float(np.prod(np.ptp(turned, axis=0)))
    assert found.width * found.height <= other + 1e-6
    assert found.along[0] >= abs(found.along[1]) - 1e-9


@pytest.mark.parametrize("angle", [0, 12, -20])
def test_a_turned_bar_has_a_turned_box(angle):
    """The box lies as the bar does, and grows by area * growth / perimeter."""
    picture = PIL.Image.new("L", (200, 160))
    PIL.ImageDraw.Draw(picture).rectangle((50, 70, 149, 89), fill=255)
    turned = picture.rotate(angle, PIL.Image.Resampling.BICUBIC)
    (box,) = text_boxes(np.asarray(turned, np.float32) / 255, **RULE)
    grown = 100 * 20 * 1.5 / (2 * 120)
    assert box.rectangle.width == pytest.approx(100 + 2 * grown, abs=5)
    assert box.rectangle.height == pytest.approx(20 + 2 * grown, abs=5)
    right, down = box.rectangle.along
    assert np.degrees(np.arctan2(down, right)) == pytest.approx(-angle, abs=2)
    assert box.probability > 0.9


def test_specks_and_faint_regions_are_no_text():
    """And of more boxes than allowed the largest stay."""
    found = np.zeros((60, 200), np.float32)
    found[2:4, 2:4] = 1.0
    found[10:20, 10:60] = 0.4
    assert text_boxes(found, **RULE) == []
    assert text_boxes(np.zeros((4, 4), np.float32), **RULE) == []
    for at in range(5):
        found[30:40, 40 * at : 40 * at + 20 + at] = 1.0
    widths = [b.rectangle.width for b in text_boxes(found, **{**RULE, "most": 2})]
    assert len(widths) == 2
    assert widths[0] > widths[1]


def test_a_text_is_the_best_path_without_repeats_and_blanks():
    """A blank between two equal letters keeps both."""
    steps = np.full((8, 4), 0.1, np.float32)
    for at, label in enumerate([0, 1, 1, 0, 1, 2, 2, 0]):
        steps[at, label] = 0.7
    found = best_path(steps, "abc")
    assert found.text == "aab"
    assert found.probability == pytest.approx(0.7)
    assert found.places == pytest.approx((2 / 8, 4.5 / 8, 6 / 8))
    assert best_path(steps[:1], "abc").text == ""


LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=20)


@given(LABELS)
def test_every_path_reads_as_its_definition_says(labels):
    """Drop repeats, then blanks; every character has a place, from left to right."""
    found = best_path(np.eye(4, dtype=np.float32)[labels], "abc")
    merged = [n for at, n in enumerate(labels) if at == 0 or labels[at - 1] != n]
    assert found.text == "".join("abc"[n - 1] for n in merged if n)
    assert list(found.places) == sorted(found.places)
    assert len(found.places) == len(found.text)
