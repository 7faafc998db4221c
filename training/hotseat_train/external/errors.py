"""What can be wrong with a model that was trained elsewhere."""

from hotseat_train.errors import TrainError


class SourceError(TrainError):
    """There is no ONNX model, or it is not one that can be served."""


class UnclearError(TrainError):
    """The graph does not say what a flag has to say."""
