"""Federated training by Flower, simulated in this process (make test-federated)."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("flwr", reason="make test-federated has Flower's environment")

from hotseat import _cli
from hotseat_registry import Reference, open_registry
from hotseat_train import tasks
from hotseat_train.errors import TrainError
from hotseat_train.evaluation.membership import attack
from hotseat_train.federated import flower, local_training, partition, privacy
from hotseat_train.federated.settings import Settings
from hotseat_train.models.tables.declared_rows import Declaration
from hotseat_train.models.text.public_ngrams import PublicNgramLearner
from hotseat_train.optim.plan import Plan
from hotseat_train.optim.supervised import fit_learner
from hotseat_train.optim.threads import one_thread
from hotseat_train.pipeline import federate
from hotseat_train.run import Run
from hotseat_train.tasks.federated import FederatedTask
from hotseat_train.tasks.own_text import OwnText
from hotseat_train.tasks.task import Progress
from hotseat_train.testing import chat, own_table, players

CHAT = Settings(rounds=4, learning_rate=5.0)
SCHEMA = Declaration.of(
    {
        "labels": ["no", "yes"],
        "columns": {
            "hours": {"minimum": 0, "maximum": 100, "missing": True},
            "level": {"minimum": 1, "maximum": 60},
            "country": {"categories": ["de", "fr", "cn"]},
            "vip": {"type": "boolean"},
        },
    },
    "test",
)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """600 lines of chat as a table, each of one of 60 matches."""
    path = tmp_path_factory.mktemp("chat") / "chat.csv"
    rows = [{**row, "match": n // 10} for n, row in enumerate(chat())]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def task(lines):
    """The federated task of the chat."""
    own = OwnText(path=lines, target="label", name="chat", text="text", id="match")
    return FederatedTask.of(own, None)


def weights(run):
    """The weights of a run's last round."""
    from hotseat_train.optim import checkpoint

    return checkpoint.load(run.checkpoint)["round"]["weights"]


def test_a_federated_run_is_a_candidate_like_any_other(lines, tmp_path, monkeypatch,
                                                       capsys):  # fmt: skip
    """Trained by the command, then evaluated, quantized, published and promoted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTSEAT_REGISTRY", f"file://{tmp_path}/registry")
    done = _cli.main(
        ["federate", "--data", str(lines), "--target", "label", "--text", "text",
         "--id", "match", "--clients", "6", "--rounds", "10", "--learning-rate", "5",
         "--run", "run", "--json"]
    )  # fmt: skip
    shown = json.loads(capsys.readouterr().out)
    assert done == 0
    assert shown["last"]["validation_accuracy"] > 0.9
    assert (
        shown["federated"]["unit"] == "one client, which holds about 8 values of match"
    )
    for verb in ("evaluate run", "quantize run", "publish run", "model promote chat@1"):
        assert _cli.main(verb.split()) == 0, capsys.readouterr().err
    manifest = open_registry(f"file://{tmp_path}/registry").resolve(
        Reference.parse("chat@1")
    )
    assert manifest.variants[0].metrics["accuracy"] > 0.9
    assert "FedAvgM (momentum 0.8) by Flower 1.42.0: 10 rounds on 6" in manifest.card
    assert "Differential privacy: none." in manifest.card
    assert manifest.lineage["federated"]["settings"]["rounds"] == 10


def test_no_text_of_a_client_is_in_the_version(task, tmp_path):
    """No line of the training rows is in the record, the golden rows or the graph."""
    run = federate.federate(
        task, replace(CHAT, rounds=1), tmp_path, federate.Clients(4)
    )
    golden = json.dumps(task.golden_inputs(task.data), ensure_ascii=False)
    for text in task.data.train.inputs:
        assert text not in run.record.read_text("utf-8")
        assert text not in golden
        assert text.encode() not in run.model.read_bytes()


def test_an_interrupted_training_resumes_to_the_same_weights(task, tmp_path):
    """Momentum included; and more rounds go on from a finished checkpoint."""
    whole = federate.federate(task, CHAT, tmp_path / "whole", federate.Clients(4))

    class Stop(Exception):  # noqa: N818
        """The machine goes off."""

    def stop(epoch):
        if epoch.number == 2:
            raise Stop

    with pytest.raises(Stop):
        federate.federate(task, CHAT, tmp_path / "part", federate.Clients(4),
                          progress=Progress(epoch=stop))  # fmt: skip
    seen = []
    part = federate.federate(
        task, CHAT, tmp_path / "part", federate.Clients(4),
        progress=Progress(epoch=lambda epoch: seen.append(epoch.number)),
    )  # fmt: skip
    assert seen == [3, 4]
    assert [e["number"] for e in part.read()["curve"]] == [1, 2, 3, 4]
    for name, value in weights(whole).items():
        assert np.allclose(value, weights(part)[name], atol=1e-6)


def test_noise_keeps_the_budget_and_the_card_says_what_it_protects(task, tmp_path):
    """Flower's accountant spends epsilon and no more; each round is a release."""
    settings = Settings(rounds=3, epsilon=4.0, clip=2.0)
    spent = []
    cut = partition.partition(task.data.train, 0, None, "match")
    budget = privacy.budget(settings, len(cut.clients))
    learner = task.learner(task.data.train, 0)
    clients = [local_training.Client(learner, rows) for rows in cut.clients]
    first = {k: v.clone() for k, v in learner.module.state_dict().items()}
    last = flower.simulate(
        flower.trainer(learner.module, clients), first, settings, budget,
        len(clients), lambda done: spent.append(done.epsilon),
    )  # fmt: skip
    assert spent == sorted(spent)
    assert 3.9 < spent[-1] <= 4.0 + 1e-3
    # without noise the step of a round has the norm of the clipped mean at most
    rare = last.weights["table.weight"][5_000:5_500].std()
    noise = budget.noise_multiplier * settings.clip / len(clients)
    steps = np.array([1, 1 + 0.8, 1 + 0.8 + 0.64])  # momentum adds up
    assert rare == pytest.approx(noise * np.sqrt((steps**2).sum()), rel=0.2)
    run = federate.federate(task, settings, tmp_path, federate.Clients(0))
    described = run.read()["federated"]["privacy"]
    assert described["unit"] == "one client, which is one match"
    assert described["epsilon"] == 4.0
    assert described["delta"] == pytest.approx(0.1 / len(clients))


def test_noise_differs_between_runs_of_one_seed(task):
    """Who knew the seed of the noise could take it off."""
    cut = partition.partition(task.data.train, 4, None, None)
    settings = Settings(rounds=1, epsilon=4.0, delta=0.1)
    learner = task.learner(task.data.train, 0)
    clients = [local_training.Client(learner, rows) for rows in cut.clients]
    first = {k: v.clone() for k, v in learner.module.state_dict().items()}
    found = [
        flower.simulate(
            flower.trainer(learner.module, clients), first, settings,
            privacy.budget(settings, 4), 4, lambda _done: None,
        ).weights["bias"]
        for _ in range(2)
    ]  # fmt: skip
    assert not np.allclose(*found)


def test_one_client_moves_a_private_model_by_its_clip_at_most():
    """Whatever a client sends: its update is clipped before it is averaged."""
    sent = []

    def wild(order):
        changed = {k: v + 1000.0 * (order.client == 0) for k, v in
                   order.weights.items()}  # fmt: skip
        sent.append(order.client)
        return local_training.Update(changed, 1, 0.0)

    learner = PublicNgramLearner(2, buckets=8)
    first = {k: v.clone() for k, v in learner.module.state_dict().items()}
    settings = Settings(rounds=1, epsilon=1e6, delta=0.1, clip=1.0)
    quiet = privacy.Budget(1e12, 0.1, 1, 4, 4, noise_multiplier=1e-6)
    last = flower.simulate(wild, first, settings, quiet, 4, lambda _done: None)
    moved = np.sqrt(
        sum(float(((last.weights[k] - first[k]) ** 2).sum()) for k in first)
    )
    assert sorted(sent) == [0, 1, 2, 3]
    assert moved == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("private", [False, True])
def test_weights_that_are_not_finite_end_the_training(private):
    """Flower's clipping would let them pass into the mean."""

    def broken(order):
        changed = {k: v / 0 for k, v in order.weights.items()}
        return local_training.Update(changed, 1, 0.0)

    learner = PublicNgramLearner(2, buckets=8)
    first = {k: v.clone() for k, v in learner.module.state_dict().items()}
    settings = Settings(rounds=1, epsilon=8 if private else None)
    budget = privacy.budget(settings, 2)
    with pytest.raises(TrainError, match="not finite"):
        flower.simulate(broken, first, settings, budget, 2, lambda _done: None)


def test_a_budget_without_meaning_is_refused():
    """A delta as large as one client in all allows to show a client."""
    with pytest.raises(TrainError, match=r"expected less than 0\.1"):
        privacy.budget(Settings(epsilon=8, delta=0.2), 10)
    assert privacy.budget(Settings(), 10) is None
    few, many = (privacy.noise_multiplier(8, 1e-4, rounds) for rounds in (3, 12))
    assert many == pytest.approx(2 * few, rel=0.01)


@pytest.mark.parametrize("family", ["mlp", "logistic"])
def test_a_table_is_federated_by_a_declaration(tmp_path, family):
    """Its scales and categories are the declaration's, not the rows'."""
    inner, _ = own_table(tmp_path, players(600), family=family, id="player_id")
    task = FederatedTask.of(inner, SCHEMA)
    settings = Settings(rounds=5, learning_rate=0.3, local_epochs=3)
    run = federate.federate(task, settings, tmp_path / "run",
                            federate.Clients(3, "country"))  # fmt: skip
    record = run.read()
    assert record["best"]["validation_accuracy"] > 0.7
    assert record["federated"]["unit"].endswith("values of country")
    restored = tasks.of(record)
    fields = {f.name: f for i in restored.signature(restored.data).inputs
              for f in i.fields}  # fmt: skip
    assert fields["hours"].observed == (0, 100)
    assert fields["country"].known == ("cn", "de", "fr")
    from hotseat_train.pipeline.evaluate import evaluate

    metrics = evaluate(Run(tmp_path / "run")).manifest.variants[0].metrics
    assert metrics["accuracy"] > 0.7
    assert metrics["parity_difference"] < 1e-3


def test_what_cannot_be_federated_is_refused_with_the_way_out(tmp_path):
    """Trees, games, tables without a declaration or a column of it, texts with one."""
    trees, _ = own_table(tmp_path, players(), id="player_id")
    network = trees.choose("mlp")
    for given, declared, way in (
        (trees, SCHEMA, "--family mlp or --family logistic"),
        (network, None, "--schema FILE"),
        (tasks.find("connect-four"), None, "hotseat train connect-four"),
        (tasks.find("sentiment"), SCHEMA, "leave --schema out"),
        (network, Declaration.of({"labels": ["no", "yes"], "columns": {
            "level": {"minimum": 1, "maximum": 60}}}, "test"), "country=out"),
    ):  # fmt: skip
        with pytest.raises(TrainError, match=way):
            FederatedTask.of(given, declared)


def test_the_attack_finds_an_overfitted_model(task):
    """The control: trained on 60 rows of noise labels until it knows them by heart."""
    data, rng = task.data, np.random.default_rng(0)
    parts = [
        replace(rows, targets=tuple(rng.integers(0, 2, len(rows)).tolist()))
        for rows in (data.train.pick(range(60)), data.test, data.validation)
    ]
    models = [task.learner(data.train, 0) for _ in range(2)]
    plan = Plan("adam", 0.05, batch_size=16, max_epochs=60, patience=60)
    with one_thread():
        fit_learner(models[0], parts[0], parts[0], plan)
        fit_learner(models[1], parts[2], parts[2], replace(plan, max_epochs=5))
    assert attack(*models, parts[0], parts[1]).auc > 0.65
