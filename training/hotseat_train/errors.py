"""What can go wrong on the way from rows to a version, as one tree.

TrainError
├─ DatasetError     the data is missing, changed or cannot be learned from
├─ RunError         a run is missing or lacks a step that comes before
├─ GateError        a measured value is worse than the gate allows
└─ ParityError      the exported graph does not answer as the model does
"""


class TrainError(Exception):
    """Anything that training refuses or cannot do."""


class DatasetError(TrainError):
    """The data is missing, changed or cannot be learned from."""


class RunError(TrainError):
    """A run is missing or lacks a step that comes before."""


class GateError(TrainError):
    """A measured value is worse than the gate allows."""


class ParityError(TrainError):
    """The exported graph does not answer as the model does."""
