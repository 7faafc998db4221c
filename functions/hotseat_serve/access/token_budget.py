"""Budgets of a language model's tokens: of each player, and of the whole stage.

A budget is a bucket (see `buckets`) that refills over an hour. An answer may begin
while anything is left of it. It takes its largest number of tokens at once and gives
back at its end what it did not write: however many begin at the same time, a budget is
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

    def reserve(self, player: str, count: int) -> Problem | None:
        """Take `count` tokens of each budget; return the refusal if one is used up.

        `player` names who asks; empty: nobody, and all of these share one budget.
        """
        taken: list[tuple[str, Limit]] = []
        for name, what, tokens in self._budgets(player):
            limit = Limit(tokens / HOUR, tokens)
            wait = self.buckets.take(name, limit, count)
            if wait > 0:
                for other, of_other in taken:
                    self.buckets.give_back(other, of_other, count)
                return Problem(
                    "throttled",
                    f"{what} has used up its {tokens} tokens of this hour",
                    retry_after=wait,
                )
            taken.append((name, limit))
        return None

    def give_back(self, player: str, count: int) -> None:
        """Return what an answer reserved and did not write."""
        if count < 1:
            return
        for name, _, tokens in self._budgets(player):
            self.buckets.give_back(name, Limit(tokens / HOUR, tokens), count)

    def _budgets(self, player: str) -> list[tuple[str, str, int]]:
        found = [
            (f"tokens/player/{player}", "the player", self.player),
            ("tokens/stage", "the service", self.stage),
        ]
        return [budget for budget in found if budget[2]]
