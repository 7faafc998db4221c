"""Ask a Hotseat model service from a game or a game server.

>>> from hotseat import ModelServiceClient
>>> ModelServiceClient().predict("这是一个简单的文本分类任务").label  # doctest: +SKIP
'positive'
"""

from hotseat._client import ModelServiceClient
from hotseat._steps import Call
from hotseat._ticket import Ticket
from hotseat._types import Model, Prediction
from hotseat.errors import (
    AuthError,
    BadInputError,
    CancelledError,
    CircuitOpenError,
    ConfigError,
    DeadlineError,
    HotseatError,
    NotFoundError,
    NotReadyError,
    RateLimitedError,
    StatusError,
    TooLargeError,
    TransportError,
    UnavailableError,
)

__version__ = "0.1.0"

__all__ = [
    "AuthError",
    "BadInputError",
    "Call",
    "CancelledError",
    "CircuitOpenError",
    "ConfigError",
    "DeadlineError",
    "HotseatError",
    "Model",
    "ModelServiceClient",
    "NotFoundError",
    "NotReadyError",
    "Prediction",
    "RateLimitedError",
    "StatusError",
    "Ticket",
    "TooLargeError",
    "TransportError",
    "UnavailableError",
]
