"""Client of a Hotseat model service, for games and game servers.

>>> from hotseat import ModelServiceClient
>>> ModelServiceClient().predict("这是一个简单的文本分类任务").label  # doctest: +SKIP
'positive'
"""

from hotseat._client import ModelServiceClient
from hotseat._events import EventStream, ServerEvent
from hotseat._say import TextStream
from hotseat._steps import Call
from hotseat._text import TextAnswer
from hotseat._text_ticket import TextTicket
from hotseat._ticket import Ticket
from hotseat._types import Download, InputWarning, Model, Prediction
from hotseat._version import __version__ as __version__
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
    TokenError,
    TooLargeError,
    TransportError,
    UnavailableError,
    UntrustedError,
)

__all__ = [
    "AuthError",
    "BadInputError",
    "Call",
    "CancelledError",
    "CircuitOpenError",
    "ConfigError",
    "DeadlineError",
    "Download",
    "EventStream",
    "HotseatError",
    "InputWarning",
    "Model",
    "ModelServiceClient",
    "NotFoundError",
    "NotReadyError",
    "Prediction",
    "RateLimitedError",
    "ServerEvent",
    "StatusError",
    "TextAnswer",
    "TextStream",
    "TextTicket",
    "Ticket",
    "TokenError",
    "TooLargeError",
    "TransportError",
    "UnavailableError",
    "UntrustedError",
]
