"""Versions on this device that stand in for the service, each of them whole.

A version is brought piece by piece into files of its own, checked against its digests
and its signature, opened and asked its golden rows. Only then is it noted as the one to
use, by one rename, and takes over from the one before; whatever fails until then
changes nothing. Written as steps, so that both clients can carry them out.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from hotseat import _answer
from hotseat._address import part
from hotseat._device.bundle import Bundle, Reference
from hotseat._device.graph import Graph
from hotseat._device.shelf import Shelf
from hotseat._device.trust import Trust
from hotseat._device.warnings import Warnings
from hotseat._steps import Steps, Work
from hotseat._transport import Response
from hotseat._types import Download
from hotseat.errors import (
    DeadlineError,
    HotseatError,
    StatusError,
    TransportError,
)

if TYPE_CHECKING:
    from hotseat._core import Core
    from hotseat._question import Question

T = TypeVar("T")
log = logging.getLogger("hotseat")

PIECE = 1_000_000
"""Bytes in one request: what a slow line brings within one deadline."""
_PATIENCE = 300.0
"""Seconds that looking after a version beside the game may take."""


@dataclass(slots=True)
class Twin:
    """A version that answers on this device."""

    reference: Reference
    shelf: Shelf
    trust: Trust
    bundle: Bundle
    graph: Graph
    signed_by: str | None


@dataclass(slots=True)
class Twins:
    """The versions that were brought here, by what they were asked for as."""

    core: "Core"
    _twins: dict[Reference, Twin] = field(default_factory=dict)
    _refused: dict[Reference, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bring(
        self,
        text: str,
        folder: str | os.PathLike[str] | None,
        trust: Sequence[str | os.PathLike[str]],
        seconds: float,
    ) -> Steps[Download]:
        """Return the steps to a version that answers here; raises `HotseatError`."""
        reference = Reference.parse(text)
        shelf = Shelf.at(folder, self.core.base_url)
        keys = Trust(trust)
        is_current = True
        try:
            twin = yield from self._fetch(reference, shelf, keys, seconds)
        except HotseatError as error:
            if _is_no(error):
                raise
            kept = yield from _worked(partial(_kept, reference, shelf, keys))
            if kept is None:
                raise
            twin, is_current = kept, False
            log.warning("%s: %s answers, for: %s", text, twin.bundle.name, error)
        yield from self._put(twin)
        bundle = twin.bundle
        return Download(
            bundle.model, bundle.version, bundle.variant, shelf.folder_of(bundle),
            is_current, twin.signed_by,
        )  # fmt: skip

    def renew(self) -> Steps[None]:
        """Return the steps of following what aliases mean now; they never raise."""
        with self._lock:
            followed = [t for r, t in self._twins.items() if not r.version.isdigit()]
        for twin in followed:
            try:
                newer = yield from self._fetch(
                    twin.reference, twin.shelf, twin.trust, _PATIENCE, twin
                )
            except HotseatError as error:
                name = twin.bundle.name
                log.warning("%s goes on answering here, for: %s", name, error)
                continue
            yield from self._put(newer)

    def seconds(self, question: "Question") -> float:
        """Return what an answer from here would take; 0 where there is none."""
        twin = self._find(question)
        return twin.graph.seconds if twin else 0.0

    def answer(
        self, question: "Question", inputs: Sequence[bytes], *, many: bool
    ) -> list[dict[str, Any]] | None:
        """Return answers as the service gives them, None where none can be had here.

        Raises `BadInputError`, `TooLargeError`.
        """
        twin = self._find(question)
        if twin is None:
            return None
        rows = [json.loads(given) for given in inputs]
        pointers = [f"/inputs/{n}" for n in range(len(rows))] if many else ["/input"]
        options = json.loads(question.options or b"{}")
        warnings = Warnings()
        try:
            found = twin.graph.answer(rows, pointers, options, warnings)
        except StatusError:
            raise
        except Exception:  # whatever the runtime says, the game has its default
            log.exception("%s does not answer on this device", twin.bundle.name)
            return None
        bundle = twin.bundle
        source = {
            "model": bundle.model,
            "version": bundle.version,
            "variant": bundle.variant,
        }
        told = warnings.to_json()
        return [
            {**one, **source, **_answer.of_row(told, pointer)}
            for one, pointer in zip(found, pointers, strict=True)
        ]

    def _put(self, twin: Twin) -> Steps[None]:
        """Let a version answer, and then go what answered before."""
        with self._lock:
            before = self._twins.get(twin.reference)
            self._twins[twin.reference] = twin
        if before is not twin:
            yield from _worked(partial(twin.shelf.sweep, twin.reference.model))

    def _find(self, question: "Question") -> Twin | None:
        if question.verb != "predict" or question.model is None:
            return None
        wanted = "live" if question.version is None else str(question.version)
        with self._lock:
            twin = self._twins.get(Reference(question.model, wanted))
            if twin is None and wanted.isdigit():  # an alias may mean that number
                twin = next(
                    (
                        t for t in self._twins.values()
                        if (t.reference.model, str(t.bundle.version))
                        == (question.model, wanted)
                    ),
                    None,
                )  # fmt: skip
            return twin

    def _fetch(
        self,
        reference: Reference,
        shelf: Shelf,
        trust: Trust,
        seconds: float,
        serving: Twin | None = None,
    ) -> Steps[Twin]:
        """Return the steps to the version that the service has now."""
        end = self.core.clock() + seconds
        path = f"/v1/models/{part(reference.model)}/versions/{part(reference.version)}"
        told = yield from self.core.get(path, _left(self.core.clock, end))
        bundle = Bundle.read(told, reference.model)
        if serving and serving.bundle.version == bundle.version:
            return serving
        if self._refused.get(reference) == bundle.version and serving:
            return serving  # it did not open before; another version may
        for file in bundle.files:
            here = yield from _worked(partial(shelf.have, bundle, file))
            while here < file.size:
                last = min(here + PIECE, file.size) - 1
                body = yield from self.core.calling(
                    "GET",
                    f"{path.rpartition('/')[0]}/{bundle.version}/files/{file.name}",
                    None,
                    _left(self.core.clock, end),
                    partial(_piece, here),
                    headers={
                        "range": f"bytes={here}-{last}",
                        "accept": "application/octet-stream",
                    },
                )
                here = yield from _worked(partial(shelf.add, bundle, file, body))
        try:
            twin = yield from _worked(partial(_opened, reference, shelf, trust, bundle))
        except HotseatError:
            self._refused[reference] = bundle.version
            raise
        yield from _worked(partial(shelf.note, reference, bundle))
        return twin


def _opened(reference: Reference, shelf: Shelf, trust: Trust, bundle: Bundle) -> Twin:
    """Check and open a version that lies here; raises `HotseatError`."""
    signed_by = trust.check(bundle)
    shelf.check(bundle)
    graph = Graph.open(bundle, shelf.folder_of(bundle), time.perf_counter)
    return Twin(reference, shelf, trust, bundle, graph, signed_by)


def _kept(reference: Reference, shelf: Shelf, trust: Trust) -> Twin | None:
    """Open what was good the last time, if there is any."""
    bundle = shelf.noted(reference)
    if bundle is None:
        return None
    try:
        return _opened(reference, shelf, trust, bundle)
    except TransportError as error:
        log.warning("%s was brought before and is damaged: %s", bundle.name, error)
        return None


def _worked(job: Callable[[], T]) -> Steps[T]:
    """Return the step of some work, as a call that returns or raises."""
    got = yield Work(job)
    if isinstance(got, HotseatError):
        raise got
    done: T = got
    return done


def _piece(first: int, response: Response) -> bytes:
    """Return the bytes of a piece that begins at `first`; raises `HotseatError`."""
    if response.status == 206:
        place = response.headers.get("content-range", "")
        if response.body and place.startswith(f"bytes {first}-"):
            return response.body
    elif response.status == 200:  # whoever stands in between knows no ranges
        if len(response.body) > first:
            return response.body[first:]
    else:
        _answer.read(response)
    raise TransportError("what came is not the piece that was asked for")


def _is_no(error: HotseatError) -> bool:
    """Whether the service said no, which what was brought before does not undo."""
    return isinstance(error, StatusError) and error.status < 500 and error.status != 429


def _left(clock: Callable[[], float], end: float) -> float:
    left = end - clock()
    if left <= 0:
        raise DeadlineError("the version did not come within the time allowed")
    return left
