"""Errors of models that were trained elsewhere."""

from hotseat_train.errors import TrainError


class SourceError(TrainError):
    """The source has no ONNX model, or one that cannot be served."""


class UnclearError(TrainError):
    """The graph leaves something open that a flag must define."""
