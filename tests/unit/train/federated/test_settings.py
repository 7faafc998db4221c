"""The settings of a federated training."""

from dataclasses import asdict, replace

import pytest

from hotseat_train.errors import TrainError
from hotseat_train.federated.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rounds", 0), ("local_epochs", 0), ("batch_size", 0), ("learning_rate", 0),
        ("clip", float("nan")), ("fraction", 0), ("fraction", 1.1), ("epsilon", -1),
        ("epsilon", float("nan")), ("delta", 1.0), ("server_momentum", 1.0),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(name, value):
    """The error names the flag."""
    with pytest.raises(TrainError, match=f"--{name.replace('_', '-')}: expected"):
        Settings(**{name: value})


def test_settings_are_stored_whole():
    """What a record holds is read back."""
    settings = Settings(epsilon=8, rounds=3)
    assert Settings.of({**asdict(settings), "of a later release": 1}) == settings


def test_only_rounds_without_a_budget_may_be_added():
    """The noise of a budget was found for its number of rounds."""
    assert Settings(rounds=20).resumes(Settings(rounds=10))
    assert not Settings(learning_rate=1).resumes(Settings())
    private = Settings(epsilon=8, rounds=10)
    assert private.resumes(private)
    assert not replace(private, rounds=20).resumes(private)


def test_a_round_has_its_share_of_clients():
    """At least one trains."""
    assert Settings(fraction=0.25).sampled(10) == 2
    assert Settings(fraction=0.01).sampled(10) == 1
