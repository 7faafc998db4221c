"""The tasks on their real data: no leak, no row on two sides, small runs that learn."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from hotseat_registry import Reference
from hotseat_serve.load import Loaded
from hotseat_serve.models import Models
from hotseat_serve.options import Options
from hotseat_serve.rules import sokoban
from hotseat_serve.session import Session
from hotseat_serve.settings import Settings
from hotseat_train import boardnet, play, selfplay, shrink, stepwise, tasks, variants
from hotseat_train.dataset import Split
from hotseat_train.errors import DatasetError, RunError, TrainError
from hotseat_train.evaluate import evaluate
from hotseat_train.maker import TRAINED, make
from hotseat_train.publish import publish
from hotseat_train.run import Run
from hotseat_train.source import Source
from hotseat_train.tasks import connect_four, player_churn, sokoban_levels
from hotseat_train.train import take, train

needs_data = pytest.mark.skipif(
    "HOTSEAT_DATA" not in os.environ,
    reason="no copy of the data sets: set HOTSEAT_DATA",
)


@needs_data
def test_churn_knows_nothing_of_what_came_later():
    """No column of the year as a whole, and no month after September."""
    dataset = player_churn.TASK.dataset()
    names = set(dataset.train.inputs[0])
    assert not names & {"oct", "nov", "dec", "zone", "level", "playcount",
                        "playduration", "numOfJoinedGuild"}  # fmt: skip
    assert all(sum(row[m] for m in ("jul", "aug", "sep")) > 0
               for row in dataset.test.inputs)  # fmt: skip
    share = np.mean([*dataset.train.targets, *dataset.test.targets])
    assert 0.4 < share < 0.5


@needs_data
@pytest.mark.parametrize("family", ["logistic", "trees"])
def test_churn_is_trained_measured_published_and_served(family, tmp_path, registry):
    """From the table to the service, in two families, with the whole report."""
    task = tasks.find("player-churn", family)
    plan = replace(task.plan("adam"), max_epochs=3)
    run = train(task, plan, tmp_path / "run", rows=2000)
    manifest = evaluate(run)
    metrics = manifest.variants[0].metrics
    assert metrics["roc_auc"] > 0.78
    low, high = metrics["roc_auc_interval"]
    assert low < metrics["roc_auc"] < high
    assert 0.02 < high - low < 0.1
    assert metrics["lift_top_tenth"] > 1.5
    assert {"average_precision", "brier", "f1"} <= set(metrics)
    said = "fitted in one go" if family == "trees" else "by adam"
    assert family in manifest.card
    assert said in manifest.card
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    loaded = Models(registry, settings).get(Reference("player-churn", version=1))
    quiet = {"jul": 1, "aug": 0, "sep": 0, "race": "Gnome", "charclass": "Mage"}
    busy = {**quiet, "jul": 900, "aug": 900, "sep": 900}
    leaving = [answer["scores"]["leaves"] for answer in loaded.predict([quiet, busy])]
    assert leaving[0] > leaving[1]


@needs_data
def test_chat_is_split_by_match_and_by_text():
    """No match and no Chinese text is on two sides; four labels, two languages."""
    dataset = tasks.find("chat-moderation").dataset()
    sides = [dataset.train, dataset.validation, dataset.test]
    task = tasks.find("chat-moderation")
    chinese = [{t for t in side.inputs if task.group(t) == "zh"} for side in sides]
    assert not chinese[0] & chinese[2]
    assert not chinese[0] & chinese[1]
    assert min(map(len, chinese)) > 2000
    assert set(dataset.train.targets) == {0, 1, 2, 3}


@pytest.fixture(scope="module")
def small_chat(tmp_path_factory):
    """A small real run of the chat: the first rows, taught by nobody."""
    task = tasks.find("chat-moderation")
    plan = replace(task.plan("adam"), batch_size=32, max_epochs=3, soft=0.0)
    return train(task, plan, tmp_path_factory.mktemp("chat") / "run", rows=3000)


@needs_data
def test_chat_is_trained_and_measured_by_language(small_chat):
    """A small run is better than calling every line harmless, disguised or not."""
    metrics = evaluate(small_chat).variants[0].metrics
    assert metrics["by"]["en"]["accuracy"] > 0.78
    assert metrics["by"]["zh"]["accuracy"] > 0.6
    assert set(metrics["by"]["zh"]["f1"]) == {"ok", "toxic"}
    assert metrics["disguised"]["by"]["en"]["accuracy"] > 0.75
    assert 0 < metrics["by"]["en"]["recall_at_1_percent"]["toxic"] < 1


@needs_data
def test_chat_is_made_smaller_in_every_way(small_chat, monkeypatch):
    """Each method leaves a graph whose shapes or weights are smaller, and measured."""
    monkeypatch.setattr(shrink, "_TUNED_EPOCHS", 1)
    restored = shrink.restored

    def few(source):
        learner, rows, validation, plan = restored(source)
        part = dataset_part(rows, 600)
        return learner, part, dataset_part(validation, 300), replace(plan, max_epochs=1)

    monkeypatch.setattr(shrink, "restored", few)
    made = variants.make(small_chat, variants.METHODS)
    size = {name: path.stat().st_size for name, path in made.items()}
    whole = small_chat.model.stat().st_size
    assert size["pruned"] < whole
    assert size["distilled"] < 0.7 * whole
    for name in ("int8-dynamic", "int8-static", "pruned-int8-dynamic",
                 "distilled-int8-dynamic", "distilled-int8-static"):  # fmt: skip
        assert size[name] < 0.3 * whole, name
    assert set(small_chat.graphs()) == {"fp32", *made}


@needs_data
def test_the_chat_that_came_along_is_measured_and_published(tmp_path, registry):
    """Without training, int8 is what is served, with the record of how it was made."""
    task = tasks.find("chat-moderation")
    run = take(task, tmp_path / "run")
    manifest = evaluate(run)
    (variant,) = manifest.variants
    assert variant.name == manifest.default_variant == "int8-dynamic"
    assert variant.metrics["bytes"] < 10e6
    hidden = variant.metrics["disguised"]["by"]
    for language, part in variant.metrics["by"].items():
        assert part["accuracy"] > 0.88, language
        assert part["accuracy"] - hidden[language]["accuracy"] < 0.05, language
    published = publish(run, registry, by="ada")
    assert published.lineage["plan"]["optimizer"] == "adam"
    with pytest.raises(RunError, match="leave --trained out"):
        take(tasks.find("sentiment"), tmp_path / "other")


def dataset_part(rows, count):
    """The first of some rows."""
    return Split(rows.inputs[:count], rows.targets[:count])


def test_a_task_of_one_family_has_no_other():
    """What cannot be is said."""
    with pytest.raises(TrainError, match="leave --family out"):
        tasks.find("sentiment", "trees")


def test_a_file_that_is_not_the_one_is_refused(tmp_path, monkeypatch):
    """Another digest, and an address that is away, are named with the way out."""
    monkeypatch.setenv("HOTSEAT_DATA", str(tmp_path))
    (tmp_path / "x.csv").write_text("changed")
    source = Source("x.csv", "http://127.0.0.1:9/x.csv", "0" * 64)
    with pytest.raises(DatasetError, match="is not the file this task was made for"):
        source.path(tmp_path / "cache")
    (tmp_path / "x.csv").unlink()
    with pytest.raises(DatasetError, match="HOTSEAT_DATA"):
        source.path(tmp_path / "cache")


def test_the_board_network_answers_as_its_module(tmp_path):
    """Logits, values and legality are the same in the graph and in torch."""
    import torch

    torch.manual_seed(0)
    module = boardnet.BoardNet((2, 6, 7), 7, channels=8, blocks=1).eval()
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # as after some training
            layer.running_mean.uniform_(-1, 1), layer.running_var.uniform_(0.5, 2)
    path = tmp_path / "net.onnx"
    boardnet.export(module, path)
    random = np.random.default_rng(0)
    boards = [
        connect_four.GAME.read(connect_four._somewhere(random)) for _ in range(20)
    ]
    planes = np.stack([connect_four.GAME.encode(state) for state in boards])
    outputs = Session(path).run({"board": planes})
    with torch.no_grad():
        logits, values = module(torch.from_numpy(planes))
    full = planes[:, :, 0].sum(1) > 0
    wanted = torch.softmax(logits.masked_fill(torch.from_numpy(full), -1e9), 1).numpy()
    np.testing.assert_allclose(outputs["policy"], wanted, atol=1e-5)
    np.testing.assert_allclose(outputs["value"], values.numpy(), atol=1e-5)
    assert (outputs["policy"][full] == 0).all()


def test_self_play_goes_on_where_it_was(tmp_path):
    """A second training of the same plan continues the first one's rounds."""
    module = boardnet.BoardNet((2, 6, 7), 7, channels=8, blocks=1)
    plan = play.Plan(
        minutes=0.001, workers=1, games=8, positions=60, simulations=4, batch_size=32
    )
    plan = replace(plan, memory=500)
    first = selfplay.learn("connect-four", module, connect_four._export,
                           connect_four.mirrored, plan, tmp_path)  # fmt: skip
    assert len(first) == 1
    assert first[0].positions > 0
    longer = replace(plan, minutes=plan.minutes + first[-1].seconds / 60 + 0.001)
    second = selfplay.learn("connect-four", module, connect_four._export,
                            connect_four.mirrored, longer, tmp_path)  # fmt: skip
    assert second[0] == first[0]
    assert len(second) > 1


def test_a_mirror_shows_the_same_game():
    """Mirrored twice is what it was; a mirrored policy fits the mirrored board."""
    random = np.random.default_rng(0)
    played = play.Played(
        random.integers(0, 2, (3, 2, 6, 7)).astype(np.float32),
        random.dirichlet([1] * 7, 3).astype(np.float32),
        random.normal(size=3).astype(np.float32),
    )
    twice = connect_four.mirrored(connect_four.mirrored(played))
    np.testing.assert_array_equal(twice.planes, played.planes)
    once = connect_four.mirrored(played)
    np.testing.assert_array_equal(once.policies[:, 0], played.policies[:, 6])


def test_the_step_graph_answers_as_its_module(tmp_path):
    """Any number of filled cells gives the same logits in the graph and in torch."""
    import torch

    torch.manual_seed(0)
    module = stepwise.StepNet(cells=12, tiles=5, wishes=2, hidden=16).eval()
    path = tmp_path / "step.onnx"
    stepwise.export(module, 3, 4, path)
    random = np.random.default_rng(0)
    grids = random.integers(0, 5, (13, 12))
    for filled, grid in enumerate(grids):
        grid[filled:] = -1
    wish = random.normal(size=(13, 2)).astype(np.float32)
    outputs = Session(path).run({"grid": grids.reshape(13, 3, 4), "wish": wish})
    with torch.no_grad():
        wanted = module(torch.from_numpy(grids), torch.from_numpy(wish)).numpy()
    np.testing.assert_allclose(outputs["logits"], wanted, atol=1e-5)


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


@pytest.mark.parametrize("name", ["connect-four", "sokoban-levels"])
def test_the_graphs_that_come_along_serve(name):
    """They answer what they are asked, and the same again."""
    task, _ = tasks.maker(name)
    loaded = Loaded(_manifest(task), "fp32", Session(TRAINED / name / "model.onnx"))
    for given, options in task.golden():
        (answer,) = loaded.predict([given], options=Options(**options))
        assert answer.get("action") or answer["item"]
        again = loaded.predict([given], options=Options(**options))[0]
        assert again == answer


def _manifest(task):
    from hotseat_registry import Manifest, Variant

    return Manifest(
        model=task.name,
        kind=task.kind,
        signature=task.signature(),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
    )


def test_connect_four_is_published_with_its_evidence(tmp_path, registry):
    """Made from the graph that came along, it goes through publish and the service."""
    task, _ = tasks.maker("connect-four")
    run = Run(tmp_path / "run")
    manifest = make(task, run, minutes=0, trained=True)
    assert manifest.variants[0].metrics["won_against_chance_hard"] >= 0.98
    assert json.loads(run.record.read_text())["task"] == "connect-four"
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    loaded = Models(registry, settings).get(Reference("connect-four", version=1))
    empty = [[0] * 7 for _ in range(6)]
    assert loaded.predict([{"board": empty}])[0]["action"] == "3"
