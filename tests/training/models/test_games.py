"""Self-play: training, levels and the published model."""

import json
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from hotseat_registry import Reference
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.policy import SEARCH_SECONDS
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.rules.game import two_ply_search
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.models.games import alphazero, board_net, self_play
from hotseat_train.optim import checkpoint
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import PRETRAINED, take
from hotseat_train.run import Run
from hotseat_train.tasks import connect_four

GAME = connect_four.GAME
SMALL = self_play.SelfPlayPlan(workers=1, games=4, positions=40, simulations=8, quick=4)


def small():
    """A network that plays at once."""
    torch.manual_seed(0)
    return board_net.BoardNet(GAME.shape, 7, channels=8, blocks=1)


def learn(folder, module=None, rounds=2, seed=0, playing=SMALL):
    """Train a small network; return its rounds without the time that they took."""
    done = alphazero.learn(
        "connect-four", module or small(), connect_four._export,
        connect_four.mirrored, playing,
        alphazero.plan(rounds, batch_size=32, seed=seed), folder,
    )  # fmt: skip
    return [replace(item, seconds=0, cpu_seconds=0) for item in done]


def test_one_seed_gives_the_same_training(tmp_path):
    """Games, losses and weights are the same twice, and others with another seed."""
    modules = [small(), small()]
    first, second = (
        learn(tmp_path / str(number), module) for number, module in enumerate(modules)
    )
    assert first == second
    for one, other in zip(*(m.state_dict().values() for m in modules), strict=True):
        assert torch.equal(one, other)
    assert learn(tmp_path / "other", rounds=1, seed=1) != first[:1]


def test_self_play_goes_on_where_it_was(tmp_path):
    """Interrupted after a round it ends as if it had not been; another plan begins."""
    whole, again = small(), small()
    straight = learn(tmp_path / "whole", whole)
    learn(tmp_path / "parts", rounds=1)
    resumed = learn(tmp_path / "parts", again)
    assert resumed == straight
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    fewer = replace(SMALL, games=3)
    assert len(learn(tmp_path / "parts", rounds=1, playing=fewer)) == 1


def test_a_checkpoint_of_version_0_1_goes_on(tmp_path):
    """Self-play wrote checkpoints of a form of its own, and goes on from one."""
    whole, again = small(), small()
    straight = learn(tmp_path / "whole", whole)
    learn(tmp_path / "parts", rounds=1)
    path = tmp_path / "parts" / "checkpoint.pt"
    new = checkpoint.load(path)
    flat = {"rounds": 1, "batch_size": 32, "learning_rate": 2e-3,
            "weight_decay": 1e-4, "averaging": 0.99, "seed": 0}  # fmt: skip
    old = {name: new[name] for name in ("module", "average", "optimizer")}
    old |= {
        "plan": json.dumps(asdict(SMALL) | flat),
        "rounds": new["objective"]["rounds"],
        "memory": new["objective"]["memory"],
    }
    checkpoint.save(path, old)
    assert learn(tmp_path / "parts", again) == straight
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_learned_from_self_play_is_sound():
    """Policies are legal, or none; what is certain is what exact play says."""
    random = np.random.default_rng(0)

    def blind(planes):
        return np.full((len(planes), 7), 1 / 7, np.float32), np.zeros(len(planes))

    plan = replace(SMALL, positions=300, simulations=64, quick=16)
    played = self_play.play(GAME, blind, plan, random)
    assert len(played) >= 300
    assert played.seconds > 0
    assert np.abs(played.values).max() <= 1
    full = played.planes[:, :, 0].sum(1) > 0
    assert (played.policies[full] == 0).all()
    sums = played.policies.sum(1)
    assert set(np.round(sums, 4)) == {0.0, 1.0}
    seen = small()._features(torch.from_numpy(played.planes).float()).numpy()
    wins = seen[:, 2].astype(bool)
    below = np.ones_like(wins)
    below[:, :-1] = played.planes[:, :, 1:].sum(1) > 0
    now = (wins & below).any((1, 2))
    assert now.any()
    assert (played.values[now] == 1).all()


def test_a_game_that_knows_no_glance_of_its_own_plays_as_well():
    """The rules that any studio writes are enough: two plies are tried out."""

    class Plain(type(GAME)):
        def tactical_shortcut(self, state):
            return two_ply_search(self, state)

    random = np.random.default_rng(0)

    def blind(planes):
        return np.full((len(planes), 7), 1 / 7, np.float32), np.zeros(len(planes))

    played = self_play.play(Plain(), blind, SMALL, random)
    assert len(played) >= SMALL.positions


@pytest.fixture(scope="module")
def loaded():
    """The graph that comes along, as the service has it."""
    task = connect_four.TASK
    return task.loaded(PRETRAINED / task.name / "model.onnx")


@pytest.mark.parametrize("level", ["hard", "expert", "best"])
def test_strong_levels_take_a_win_and_block_one(loaded, level):
    """What two plies show is played."""
    options = Options(level=level)
    win, block = [[0] * 7 for _ in range(6)], [[0] * 7 for _ in range(6)]
    win[5] = [1, 1, 1, 0, 2, 2, 0]
    win[4] = [2, 0, 0, 0, 0, 0, 0]
    block[5] = [1, 1, 1, 0, 2, 2, 0]
    assert loaded.predict([win], options=options)[0]["action"] == "3"
    assert loaded.predict([block], options=options)[0]["action"] == "3"


def test_many_boards_share_one_requests_time(loaded):
    """Twenty searches take no longer than one may."""
    random = np.random.default_rng(0)
    boards = [connect_four._somewhere(random) for _ in range(20)]
    context = RequestContext(clock=time.process_time_ns)
    answers = loaded.predict(boards, options=Options(level="best"), context=context)
    assert len(answers) == 20
    assert time.process_time_ns() - context.started < 2e9 * SEARCH_SECONDS


def test_a_search_ends_before_its_caller_gives_up(loaded):
    """Of a deadline that is nearer than the search's own time, half is searched."""
    empty = [[0] * 7 for _ in range(6)]
    now = time.process_time_ns()
    context = RequestContext(clock=time.process_time_ns, deadline=now + 20_000_000)
    (answer,) = loaded.predict([empty], options=Options(level="best"), context=context)
    assert answer["action"] == "3"
    assert not context.expired


def test_connect_four_is_published_with_its_evidence(tmp_path, registry, monkeypatch):
    """Made from the graph that came along, it goes through publish and the service."""
    task = tasks.find("connect-four")
    boards = [connect_four._somewhere(np.random.default_rng(0)) for _ in range(30)]
    monkeypatch.setattr(type(task), "inputs", lambda _task: boards)
    run = Run(tmp_path / "run")
    take(task, run.folder)
    manifest = write(run, evaluate(run))
    assert manifest.variants[0].metrics["won_against_chance_hard"] >= 0.98
    assert json.loads(run.record.read_text())["task"] == "connect-four"
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    loaded = ModelCache(registry, settings).get(Reference("connect-four", version=1))
    empty = [[0] * 7 for _ in range(6)]
    assert loaded.predict([{"board": empty}])[0]["action"] == "3"
