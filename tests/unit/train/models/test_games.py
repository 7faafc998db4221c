"""The board network and what it sees of a board."""

import numpy as np
import torch

from hotseat_serve.runtime.session import Session
from hotseat_train.models.games import board_net, self_play
from hotseat_train.tasks import connect_four

GAME = connect_four.GAME


def small():
    """A network that plays at once."""
    torch.manual_seed(0)
    return board_net.BoardNet(GAME.shape, 7, channels=8, blocks=1)


def test_the_board_network_answers_as_its_module(tmp_path):
    """Logits, values and legality are the same in the graph and in torch."""
    module = small().eval()
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # as after some training
            layer.running_mean.uniform_(-1, 1), layer.running_var.uniform_(0.5, 2)
    path = tmp_path / "net.onnx"
    board_net.export(module, path)
    random = np.random.default_rng(0)
    boards = [GAME.read(connect_four._somewhere(random)) for _ in range(20)]
    planes = np.stack([GAME.encode(state) for state in boards])
    outputs = Session(path).run({"board": planes})
    with torch.no_grad():
        logits, values = module(torch.from_numpy(planes))
    full = planes[:, :, 0].sum(1) > 0
    wanted = torch.softmax(logits.masked_fill(torch.from_numpy(full), -1e9), 1).numpy()
    np.testing.assert_allclose(outputs["policy"], wanted, atol=1e-5)
    np.testing.assert_allclose(outputs["value"], values.numpy(), atol=1e-5)
    assert full.any()
    assert (outputs["policy"][full] == 0).all()


def test_threats_are_the_cells_that_would_make_a_line():
    """Each cell of the planes of threats wins, were its player's stone there."""
    random = np.random.default_rng(0)
    for state in [GAME.read(connect_four._somewhere(random)) for _ in range(40)]:
        planes = GAME.encode(state)
        seen = small()._features(torch.from_numpy(planes[None])).numpy()[0]
        np.testing.assert_array_equal(seen[:2], planes)
        assert (seen[4] == (planes.sum() % 2 == 0)).all()
        for side, row, column in np.ndindex(2, 6, 7):
            stones = np.pad(planes[side], 3)
            stones[row + 3, column + 3] = 1
            lines = (
                [
                    stones[row + 3 + i * down, column + 3 + i * right]
                    for i in range(a, a + 4)
                ]
                for down, right in ((1, 0), (0, 1), (1, 1), (1, -1))
                for a in range(-3, 1)
            )
            wins = planes[:, row, column].sum() == 0 and any(map(all, lines))
            assert seen[2 + side, row, column] == wins


def test_a_mirror_shows_the_same_game():
    """Mirrored twice is what it was; a mirrored policy fits the mirrored board."""
    random = np.random.default_rng(0)
    played = self_play.Experience(
        random.integers(0, 2, (3, *GAME.shape)).astype(np.int8),
        random.dirichlet([1] * 7, 3).astype(np.float32),
        random.normal(size=3).astype(np.float32),
    )
    twice = connect_four.mirrored(connect_four.mirrored(played))
    np.testing.assert_array_equal(twice.planes, played.planes)
    once = connect_four.mirrored(played)
    np.testing.assert_array_equal(once.policies[:, 0], played.policies[:, 6])
