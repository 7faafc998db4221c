"""Step graphs of level generators, and their training items."""

import numpy as np
import pytest
import torch

from hotseat_serve.rules import sokoban
from hotseat_serve.runtime.session import Session
from hotseat_train.models.levels import autoregressive
from hotseat_train.pipeline.train import PRETRAINED
from hotseat_train.tasks import mario_levels, sokoban_levels

needs_data = pytest.mark.usefixtures("data_files")
NETS = {
    "rows": autoregressive.GridMLP((3, 4), tiles=5, wishes=2, hidden=16),
    "columns": autoregressive.LaggedMLP((3, 4), tiles=5, wishes=2, lags=6, hidden=16),
}


@pytest.mark.parametrize("by", NETS)
def test_the_step_graph_answers_as_its_module(by, tmp_path):
    """Any number of filled cells gives the same logits in the graph and in torch."""
    net = NETS[by].eval()
    net.export(tmp_path / "step.onnx")
    random = np.random.default_rng(0)
    whole = random.integers(0, 5, (13, 3, 4))
    cells = np.minimum(np.arange(13), 11)
    grids, _ = autoregressive.cut(whole, cells, by)
    if by == "rows":  # a full grid is asked for nothing, and still answers
        grids[-1] = whole[-1]
    wish = random.normal(size=(13, 2)).astype(np.float32)
    outputs = Session(tmp_path / "step.onnx").run({"grid": grids, "wish": wish})
    with torch.no_grad():
        wanted = net(torch.from_numpy(grids), torch.from_numpy(wish)).numpy()
    np.testing.assert_allclose(outputs["logits"], wanted, atol=1e-5)


@pytest.mark.parametrize("by", ["rows", "columns"])
def test_an_item_is_cut_where_the_service_would_fill_it(by):
    """Cells before the cut are seen, in the order of filling; the next one is told."""
    whole = np.arange(12).reshape(1, 3, 4)
    order = whole[0].reshape(-1) if by == "rows" else whole[0].T.reshape(-1)
    for cell in range(12):
        seen, target = autoregressive.cut(whole, np.array([cell]), by)
        assert set(seen[seen >= 0]) == set(order[:cell])
        assert (seen[seen >= 0] == whole[seen >= 0]).all()
        assert target.tolist() == [order[cell]]


@needs_data
def test_levels_with_fewer_boxes_can_still_be_solved():
    """What is learned from is solvable, whatever was taken away."""
    levels = list(sokoban_levels.texts())[:12]
    boxes = []
    for rows in levels:
        for cells, count, hard in sokoban_levels._solved(rows):
            text = ["".join(sokoban_levels.ALPHABET[c] for c in row) for row in cells]
            level = sokoban.read(text)
            assert len(level.boxes) == count
            assert sokoban.solve(level, positions=200_000) is not None
            assert hard >= 0
            boxes.append(count)
    assert set(boxes) > {4}


def test_a_turned_copy_is_a_copy():
    """Turned, mirrored or with other boxes, a level's walls are known again."""
    random = np.random.default_rng(0)
    cells = random.choice(list("# .$@"), (10, 10))
    known = sokoban_levels._walls("".join(cells.reshape(-1)))
    for view in (np.rot90(cells), cells.T, cells[::-1], np.rot90(cells, 3).T):
        other = "".join(view.reshape(-1)).replace("$", " ")
        assert known in sokoban_levels._views(sokoban_levels._walls(other))
    cells[0, 0] = " " if cells[0, 0] == "#" else "#"
    other = sokoban_levels._walls("".join(cells.reshape(-1)))
    assert known not in sokoban_levels._views(other)


@needs_data
def test_no_map_of_others_is_in_the_package():
    """What comes along was not learned from them, and holds no passage of them."""
    assert not (PRETRAINED / "mario-levels").exists()
    maps = mario_levels.texts()
    assert mario_levels.longest(maps["1-1"], [maps["1-1"]]) == len(maps["1-1"][0])
    assert mario_levels.longest(("XX", "--"), [("-XX-", "----")]) == 2
