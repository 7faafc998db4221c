"""Which models and versions requests reach: those of the stage, and nothing else."""

from collections.abc import Collection, Iterable, Mapping
from typing import Self

from hotseat_registry import LIVE, Reference
from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import (
    AliasNotFoundError,
    ModelNotFoundError,
)


@dataclass(frozen=True, slots=True)
class Reach:
    """The models of a stage, each with the alias that it follows.

    Of a model, requests reach the aliases live and the followed one, and by number the
    versions on which these stand; with `by_number`, every version.
    """

    followed: Mapping[str, str]
    by_number: bool = False

    @classmethod
    def read(cls, text: str, *, by_number: bool = False) -> Self | None:
        """Read ``mood,chat#beta``; None for an empty text: the whole registry.

        Raises `BadNameError`.
        """
        references = [Reference.parse(part.strip()) for part in text.split(",") if part]
        if not references:
            return None
        followed = {item.model: item.alias or LIVE for item in references}
        return cls(followed, by_number=by_number)

    def aliases(self, model: str) -> frozenset[str]:
        """Return the aliases of a model that requests reach; raises as `check`."""
        self.check_model(model)
        return frozenset({LIVE, self.followed[model]})

    def check_model(self, model: str) -> None:
        """Raise `ModelNotFoundError` for a model beyond the stage."""
        if model not in self.followed:
            raise ModelNotFoundError(f"{model!r} is no model of this stage")

    def check_alias(self, reference: Reference) -> None:
        """Raise `NotFoundError` for an alias that requests do not reach."""
        if reference.alias not in self.aliases(reference.model):
            raise AliasNotFoundError(f"{reference} is not served by this stage")

    def is_reached(self, model: str, number: int, aliases: Mapping[str, int]) -> bool:
        """Whether one of the aliases that requests reach stands on the version."""
        reached = self.aliases(model)
        return self.by_number or number in {aliases.get(name) for name in reached}

    def visible(self, model: str, aliases: Mapping[str, int]) -> dict[str, int]:
        """Return those of a model's aliases that requests reach."""
        reached = self.aliases(model)
        return {name: at for name, at in aliases.items() if name in reached}


def visible_versions(
    reach: Reach | None, versions: Iterable[int], aliases: Mapping[str, int]
) -> list[int]:
    """Return the numbers that requests may name; `aliases` are the visible ones."""
    if reach is None or reach.by_number:
        return list(versions)
    stand: Collection[int] = set(aliases.values())
    return [number for number in versions if number in stand]
