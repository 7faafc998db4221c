"""Who may ask, for which model, and how often: before any model runs."""

from collections.abc import Mapping

from hotseat_registry.errors import RegistryError
from hotseat_serve.access.buckets import Buckets, Limit
from hotseat_serve.access.claims import Caller, TokenError
from hotseat_serve.access.verify import Verifier
from hotseat_serve.problems import Problem, from_registry

_SCHEME = "bearer "


class Gate:
    """Accepts callers: by their token, or as an authorizer in front has found them.

    With a `verifier`, requests carry ``Authorization: Bearer TOKEN``; without one, the
    front has verified it. `limit` is that of one player and one model; a token may have
    its own. Without `buckets` nothing is limited. `games` are those whose tokens are
    accepted; empty: any.
    """

    def __init__(
        self,
        verifier: Verifier | None,
        buckets: Buckets | None = None,
        limit: Limit | None = None,
        games: frozenset[str] = frozenset(),
    ) -> None:
        self._games = games
        self._verifier = verifier
        self._buckets = buckets
        self._limit = limit

    def caller(self, headers: Mapping[str, str], found: Caller | None) -> Caller:
        """Return who asks; `found` is what the front says.

        Raises `Problem` (unauthorized, forbidden, unavailable).
        """
        caller = self._identified(headers, found)
        if self._games and caller.game not in self._games:
            raise Problem("forbidden", "the token is for another game")
        return caller

    def _identified(self, headers: Mapping[str, str], found: Caller | None) -> Caller:
        if self._verifier is None:
            if found is None:
                raise Problem("unauthorized", "the front has not said who asks")
            return found
        header = headers.get("authorization", "")
        if header[: len(_SCHEME)].lower() != _SCHEME:
            raise Problem(
                "unauthorized",
                "expected a player token as Bearer in the header Authorization",
            )
        try:
            return self._verifier.verify(header[len(_SCHEME) :].strip()).caller
        except TokenError as error:
            raise Problem("unauthorized", str(error)) from None
        except RegistryError as error:
            raise from_registry(error) from error

    def check_model(self, caller: Caller, model: str) -> None:
        """Raise `Problem` for a model that the caller does not reach.

        It is answered as one that is not there, as all beyond the stage are.
        """
        if not caller.reaches(model):
            raise Problem("model_not_found", "no such model is published")

    def check_rate(self, caller: Caller, model: str) -> None:
        """Take one of the caller's requests for a model; raises `Problem`."""
        if self._buckets is None:
            return
        limit = self._limit
        if caller.rate is not None:
            burst = caller.burst or max(1, round(2 * caller.rate))
            limit = Limit(caller.rate, burst)
        if limit is None:
            return
        name = f"{caller.game}/{caller.player}/{model}"
        wait = self._buckets.take(name, limit)
        if wait > 0:
            raise Problem(
                "throttled",
                f"more than {limit.rate:g} requests a second, {limit.burst} at once",
                retry_after=wait,
            )
