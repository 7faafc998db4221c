"""Flower runs the rounds: its strategies, its messages, its server and clients.

The only module that imports Flower, which needs an environment of its own. A
simulation calls Flower's `ClientApp` in this process, one client after another, by a
`Grid` of ours; a deployment runs the same two apps between machines (`federated.app`).
"""

import logging
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")  # read at the first import

import flwr
from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Context,
    Message,
    MetricRecord,
    RecordDict,
)
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import (
    DifferentialPrivacyServerSideFixedClipping,
    FedAvg,
    FedAvgM,
    Strategy,
)
from flwr.supercore.privacy_accounting import (
    NeighboringRelation,
    PrivacyConfig,
    SamplingMethod,
)
from flwr.supercore.privacy_accounting.rdp_accountant import RdpAccountant
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from hotseat_train.errors import TrainError
from hotseat_train.federated.local_training import Client, Update, Weights
from hotseat_train.federated.messages import Order, Report, Round, TrainClient
from hotseat_train.federated.privacy import Budget
from hotseat_train.federated.settings import Settings
from hotseat_train.optim.threads import one_thread

VERSION: str = flwr.__version__
_ARRAYS, _METRICS, _CONFIG = "arrays", "metrics", "config"
_ROWS, _LOSS, _ROUND = "num-examples", "loss", "server-round"
_FIRST = "rounds-before"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a strategy is built of."""

    settings: Settings
    budget: Budget | None
    clients: int


class _PrivateFedAvg(FedAvg):
    """FedAvg that clips each update and adds noise to their mean, by Flower's wrapper.

    As a base of `_PrivateFedAvgM` it releases the noisy mean before the momentum,
    which then is post-processing; Flower's wrapper around FedAvgM would add the noise
    after it, and the momentum would carry sums without noise.
    """

    wrapped: DifferentialPrivacyServerSideFixedClipping

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        messages: Iterable[Message] = self.wrapped.configure_train(
            server_round, arrays, config, grid
        )
        return messages

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        replies = list(replies)
        for reply in replies:
            _movable(reply, self.wrapped.current_arrays)
        released: tuple[ArrayRecord | None, MetricRecord | None] = (
            self.wrapped.aggregate_train(server_round, replies)
        )
        return released


class _PrivateFedAvgM(FedAvgM, _PrivateFedAvg):
    """Momentum over what `_PrivateFedAvg` releases."""


def _movable(reply: Message, before: ArrayRecord) -> None:
    """Prepare an update for Flower's clipping; raises `TrainError` if it has no norm.

    Flower 1.42 divides by the norm, and lets an update pass whose norm is no number.
    """
    if reply.has_error():
        return
    for name, record in reply.content.array_records.items():
        arrays = record.to_numpy_ndarrays()
        if not all(np.isfinite(array).all() for array in arrays):
            raise TrainError(
                f"client {reply.metadata.src_node_id} sent weights that are not "
                "finite: leave it out, or lower --learning-rate"
            )
        pairs = zip(arrays, before.to_numpy_ndarrays(), strict=True)
        if all(np.array_equal(*pair) for pair in pairs):
            arrays[-1] = arrays[-1] + np.float32(1e-6)
            reply.content[name] = ArrayRecord(
                dict(zip(record.keys(), map(Array, arrays), strict=True))
            )


def client_app(train: TrainClient) -> ClientApp:
    """Return Flower's app of a client; `train` does the work of a round."""
    app = ClientApp()

    @app.train()
    def answer(message: Message, context: Context) -> Message:
        config = message.content[_CONFIG]
        settings = Settings.of(
            {name: value for name, value in config.items() if value != ""}
        )
        update = train(Order(
            int(context.node_config.get("partition-id", context.node_id)),
            int(config[_ROUND]) + int(config[_FIRST]),
            message.content[_ARRAYS].to_torch_state_dict(),
            settings,
            context.node_config,
            context.run_config,
        ))  # fmt: skip
        metrics = {
            # one client counts as much as another where its update is protected
            _ROWS: 1 if settings.epsilon is not None else update.rows,
            _LOSS: update.loss,
        }
        content = RecordDict({
            _ARRAYS: ArrayRecord(update.weights),
            _METRICS: MetricRecord(metrics),
        })  # fmt: skip
        return Message(content, reply_to=message)

    return app


def server_app(serve: Callable[[Grid, Mapping[str, Any]], None]) -> ServerApp:
    """Return Flower's app of a server; `serve` gets the grid and the run's config."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        serve(grid, context.run_config)

    return app


def trainer(module: torch.nn.Module, clients: Sequence[Client]) -> TrainClient:
    """Return the work of clients that share one module in this process."""

    def train(order: Order) -> Update:
        module.load_state_dict(order.weights)
        client = clients[order.client]
        return client.update(module, order.settings, order.round_number, order.client)

    return train


def simulate(
    train: TrainClient,
    first: Weights,
    settings: Settings,
    budget: Budget | None,
    clients: int,
    report: Report,
    *,
    after: Round | None = None,
) -> Round:
    """Run the rounds in this process and return the last one.

    `after` is the round to go on from. Raises `TrainError` if a client fails.
    """
    # messages carry them; Flower's own processes set them
    TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 0
    grid = _InProcess(client_app(train), clients)
    return rounds(grid, first, settings, budget, clients, report, after=after)


def rounds(
    grid: Grid,
    first: Weights,
    settings: Settings,
    budget: Budget | None,
    clients: int,
    report: Report,
    *,
    after: Round | None = None,
) -> Round:
    """Run the rounds over a grid, Flower's or ours, and return the last one."""
    done = after.number if after else 0
    with _quiet():
        strategy, accountant = _strategy(_Plan(settings, budget, clients), after)
    losses: dict[int, float] = {}
    last = after

    def noted(replies: list[RecordDict], key: str) -> MetricRecord:
        metrics = [next(iter(reply.metric_records.values())) for reply in replies]
        weights = [float(item[key]) for item in metrics]
        total = sum(w * float(m[_LOSS]) for w, m in zip(weights, metrics, strict=True))
        losses[len(losses) + 1] = total / sum(weights)
        return MetricRecord({_LOSS: total / sum(weights)})

    def evaluate(number: int, arrays: ArrayRecord) -> None:
        nonlocal last
        if number == 0:
            return
        if number not in losses:
            raise TrainError(
                f"round {done + number}: no client answered; its error is above"
            )
        weights = arrays.to_torch_state_dict()
        if not all(bool(value.isfinite().all()) for value in weights.values()):
            raise TrainError(
                f"round {done + number}: the mean of the clients is not finite. A "
                "lower --learning-rate helps where the training diverged; else a "
                "client sent it"
            )
        last = Round(
            done + number,
            weights,
            _momentum(strategy),
            losses[number],
            accountant.get_privacy_spent().epsilon if accountant else None,
        )
        report(last)

    _each(strategy).train_metrics_aggr_fn = noted
    with _quiet(), _drawn(settings.seed, done), one_thread():
        strategy.start(
            grid,
            ArrayRecord(after.weights if after else first),
            num_rounds=settings.rounds - done,
            train_config=_config(settings, done),
            evaluate_fn=evaluate,
        )
    assert last is not None
    return last


def _config(settings: Settings, done: int) -> ConfigRecord:
    """Return what each client learns of the settings: None has no form, "" stands."""
    known = {k: "" if v is None else v for k, v in asdict(settings).items()}
    return ConfigRecord({**known, _FIRST: done})


def _strategy(
    plan: _Plan, after: Round | None
) -> tuple[Strategy, RdpAccountant | None]:
    """Return the strategy with the state of the round before, and its accountant."""
    settings, budget = plan.settings, plan.budget
    sampled = settings.sampled(plan.clients)
    common: dict[str, Any] = {
        "fraction_train": settings.fraction, "fraction_evaluate": 0.0,
        "min_train_nodes": sampled, "min_available_nodes": plan.clients,
    }  # fmt: skip
    momentum: dict[str, Any] = {
        "server_learning_rate": settings.server_learning_rate,
        "server_momentum": settings.momentum,
    }
    if budget is None:
        strategy = FedAvgM(**common, **momentum)
        _restore(strategy, after)
        return strategy, None
    accountant = RdpAccountant(PrivacyConfig(
        target_delta=budget.delta, population_size=plan.clients,
        neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE,
        sampling_method=SamplingMethod.NO_AMPLIFICATION,
        max_epsilon=budget.epsilon * (1 + 1e-6),  # the noise was found numerically
    ))  # fmt: skip
    private = _PrivateFedAvgM(**common, **momentum)
    private.wrapped = DifferentialPrivacyServerSideFixedClipping(
        FedAvg(**common), budget.noise_multiplier, settings.clip, sampled,
        accountant=accountant,
    )  # fmt: skip
    _restore(private, after)
    if after is not None:
        accountant.compose(_release(budget, plan.clients, sampled), after.number)
    return private, accountant


def _release(budget: Budget, clients: int, sampled: int) -> Any:
    from flwr.supercore.privacy_accounting import GaussianPrivacyEvent

    return GaussianPrivacyEvent(budget.noise_multiplier, sampled, clients)


def _restore(strategy: FedAvgM, after: Round | None) -> None:
    if after is None:
        return
    strategy.current_arrays = ArrayRecord(after.weights)
    if after.momentum:
        strategy.momentum_vector = [tensor.numpy() for tensor in after.momentum]


def _each(strategy: Strategy) -> FedAvg:
    """Return the strategy that reads the clients' metrics."""
    wrapped = (
        strategy.wrapped.strategy if isinstance(strategy, _PrivateFedAvg) else None
    )
    found = wrapped or strategy
    assert isinstance(found, FedAvg)
    return found


def _momentum(strategy: Strategy) -> list[torch.Tensor]:
    vector = getattr(strategy, "momentum_vector", None) or ()
    return [torch.from_numpy(np.array(item)) for item in vector]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Flower's log to errors."""
    log, before = logging.getLogger("flwr"), logging.getLogger("flwr").level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _drawn(seed: int, done: int) -> Iterator[None]:
    """Draw clients by the seed: Flower takes them from Python's own generator.

    The noise of a budget is NumPy's and stays unseeded: who knew its seed could take
    it off.
    """
    before = random.getstate()
    random.seed(f"{seed} {done}")
    try:
        yield
    finally:
        random.setstate(before)


class _InProcess(Grid):
    """Hands each message to the app in this process."""

    def __init__(self, app: ClientApp, clients: int) -> None:
        self._app, self._clients = app, clients
        self._contexts: Mapping[int, Context] = {
            node: Context(0, node, {"partition-id": node - 1}, RecordDict(), {})
            for node in self.get_node_ids()
        }

    def set_run(self, run: Run) -> None:
        raise NotImplementedError

    @property
    def run(self) -> Run:
        raise NotImplementedError

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        return range(1, self._clients + 1)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        raise NotImplementedError

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        raise NotImplementedError

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        del timeout
        return [
            self._app(message, self._contexts[message.metadata.dst_node_id])
            for message in messages
        ]
