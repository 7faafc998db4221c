"""Budgets of a language model's tokens: of each player, and of the whole stage.

A budget is a bucket (see `buckets`) that refills over an hour. An answer may begin
while anything is left of it and is counted when it has ended, so that a budget is
overdrawn by one answer at most, and the next one waits the longer.
"""

from hotseat_registry.dataclass import dataclass
from hotseat_serve.access.buckets import Buckets, Limit
from hotseat_serve.problems import Problem

HOUR = 3_600


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """`player` and `stage` are tokens an hour; 0: no budget."""

    buckets: Buckets
    player: int = 0
    stage: int = 0

    def check(self, player: str) -> Problem | None:
        """Take one token of each budget; return the refusal if one is used up.

        `player` names who asks; empty: nobody, and all of these share one budget.
        """
        for name, what, tokens in self._budgets(player):
            wait = self.buckets.take(name, Limit(tokens / HOUR, tokens))
            if wait > 0:
                return Problem(
                    "throttled",
                    f"{what} has used up its {tokens} tokens of this hour",
                    retry_after=wait,
                )
        return None

    def spend(self, player: str, tokens: int) -> None:
        """Count the tokens of an answer; `check` has taken the first of them."""
        for name, _, budget in self._budgets(player):
            if tokens > 1:
                self.buckets.charge(name, Limit(budget / HOUR, budget), tokens - 1)

    def _budgets(self, player: str) -> list[tuple[str, str, int]]:
        found = [
            (f"tokens/player/{player}", "the player", self.player),
            ("tokens/stage", "the service", self.stage),
        ]
        return [budget for budget in found if budget[2]]
