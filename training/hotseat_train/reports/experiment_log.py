"""Logs a training to MLflow or TensorBoard, by their own clients."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hotseat_train.errors import TrainError
from hotseat_train.optim.loop import Epoch

LOGS = ("mlflow", "tensorboard")
_METRICS = ("train_loss", "validation_loss", "validation_accuracy")
_LONGEST = 500
"""Characters of a parameter's value; MLflow takes no longer ones."""

Report = Callable[[Epoch], None]


@contextmanager
def opened(
    kind: str, name: str, folder: Path, parameters: Mapping[str, Any]
) -> Iterator[Report]:
    """Yield what logs an epoch to `kind`, one of `LOGS`.

    MLflow: the experiment `name` at its tracking URI (MLFLOW_TRACKING_URI, else
    MLflow's default), with a run named after the folder; it is marked as failed if the
    training raises. TensorBoard: event files in ``tensorboard`` inside the folder.
    Raises `TrainError` if the client is not installed or its server does not answer.
    """
    log = _mlflow if kind == "mlflow" else _tensorboard
    with log(name, folder, parameters) as report:
        yield report


@contextmanager
def _mlflow(name: str, folder: Path, parameters: Mapping[str, Any]) -> Iterator[Report]:
    try:
        import mlflow
    except ModuleNotFoundError:
        raise _missing("mlflow") from None
    try:
        mlflow.set_experiment(name)
        run = mlflow.start_run(run_name=folder.name)
        mlflow.set_tag("hotseat.run", str(folder.resolve()))
        mlflow.log_params(
            {key: str(value)[:_LONGEST] for key, value in parameters.items()}
        )
    except mlflow.MlflowException as error:
        raise TrainError(f"--log mlflow: {error}") from None

    def report(epoch: Epoch) -> None:
        mlflow.log_metrics(_values(epoch), step=epoch.number)

    with run:
        yield report


@contextmanager
def _tensorboard(
    name: str, folder: Path, parameters: Mapping[str, Any]
) -> Iterator[Report]:
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError:
        raise _missing("tensorboard") from None
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        lines = [f"    {key}: {value}" for key, value in parameters.items()]
        writer.add_text(name, "\n".join(lines))

        def report(epoch: Epoch) -> None:
            for key, value in _values(epoch).items():
                writer.add_scalar(key, value, epoch.number)

        yield report


def _missing(extra: str) -> TrainError:
    return TrainError(
        f"--log {extra} needs its client: pip install 'hotseat-platform[{extra}]'"
    )


def _values(epoch: Epoch) -> dict[str, float]:
    """Return the numbers of an epoch that are known."""
    found = asdict(epoch)
    return {name: float(found[name]) for name in _METRICS if found[name] == found[name]}
