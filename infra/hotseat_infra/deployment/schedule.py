"""The hours of a week in which a function is kept warm.

The description below each field is its line in docs/reference/deployment.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Schedule:
    """More provisioned concurrency for some hours of the week."""

    concurrency: int
    """Provisioned in these hours; outside them, `provisioned_concurrency` holds."""
    from_hour: int
    """First hour, 0 to 23."""
    to_hour: int
    """End, 0 to 23; on the next day if it is not after `from_hour`."""
    days: tuple[str, ...] = DAYS
    """Days on which the hours begin: mon, tue, wed, thu, fri, sat, sun."""
    timezone: str = "UTC"
    """Time zone of the hours, from the IANA database: Europe/Berlin."""

    @property
    def begins(self) -> str:
        """The start as a cron expression of AWS."""
        return _cron(self.from_hour, self.days)

    @property
    def ends(self) -> str:
        """The end as a cron expression of AWS."""
        if self.to_hour > self.from_hour:
            return _cron(self.to_hour, self.days)
        after = [DAYS[(DAYS.index(day) + 1) % 7] for day in self.days]
        return _cron(self.to_hour, after)

    @property
    def hours(self) -> frozenset[int]:
        """The covered hours of the week; Monday's first hour is 0."""
        length = (self.to_hour - self.from_hour) % 24 or 24
        starts = [24 * DAYS.index(day) + self.from_hour for day in self.days]
        return frozenset((s + h) % 168 for s in starts for h in range(length))


def _cron(hour: int, days: Iterable[str]) -> str:
    return f"cron(0 {hour} ? * {','.join(day.upper() for day in days)} *)"
