"""What may watch requests: the log, metrics, traces."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from hotseat_registry.dataclass import dataclass
from hotseat_serve.api.messages import Answer, Request
from hotseat_serve.kinds.request_context import RequestContext

log = logging.getLogger("hotseat.serve")


class Observer(Protocol):
    """Sees each request once it is answered, and events outside requests."""

    def request(
        self, request: Request, context: RequestContext, answer: Answer
    ) -> None:
        """See a request and its answer; never raises."""

    def event(self, name: str, fields: Mapping[str, Any]) -> None:
        """See an event, such as ``version_changed``; never raises."""


@dataclass(frozen=True, slots=True)
class Observers:
    """Several observers as one; a failure of one is logged and harms no answer."""

    observers: tuple[Observer, ...]

    def request(
        self, request: Request, context: RequestContext, answer: Answer
    ) -> None:
        """Show a request to each."""
        for observer in self.observers:
            try:
                observer.request(request, context, answer)
            except Exception:
                log.exception("request %s is not observed", request.request_id)

    def event(self, name: str, fields: Mapping[str, Any]) -> None:
        """Show an event to each."""
        for observer in self.observers:
            try:
                observer.event(name, fields)
            except Exception:
                log.exception("event %s is not observed", name)
