"""The errors of training, as one tree.

TrainError
├─ DatasetError     the data is missing, changed or unsuitable
├─ RunError         a run is missing or lacks an earlier step
├─ GateError        a measured value is worse than the gate allows
└─ ParityError      the exported graph's answers differ from the model's
"""


class TrainError(Exception):
    """The base class of all errors of training."""


class DatasetError(TrainError):
    """The data is missing, changed or unsuitable for training."""


class RunError(TrainError):
    """A run is missing or lacks an earlier step."""


class GateError(TrainError):
    """A measured value is worse than the gate allows."""


class ParityError(TrainError):
    """The exported graph's answers differ from the model's."""
