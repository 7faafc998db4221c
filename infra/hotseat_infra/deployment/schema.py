"""The deployment file's tables as frozen dataclasses.

Each field's description is its line in docs/deployment.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Alarms:
    """When an operator is told, and a canary is taken back."""

    p95_ms: int = 250
    """Milliseconds in the function within which 95 of 100 requests are answered."""
    error_percent: float = 1.0
    """Share of requests answered with a 5xx."""
    throttled: int = 1
    """Requests turned away for want of concurrency; tells, but takes no canary back."""
    minutes: int = 5
    """Over how long each is looked at."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """More provisioned concurrency for some hours of the week."""

    concurrency: int
    """Kept warm in these hours; outside them, `provisioned_concurrency`."""
    from_hour: int
    """0 to 23."""
    to_hour: int
    """0 to 23; not after `from_hour`: the next day's."""
    days: tuple[str, ...] = DAYS
    """On which the hours begin: mon, tue, wed, thu, fri, sat, sun."""
    timezone: str = "UTC"
    """Of the hours, as in the IANA database: Europe/Berlin."""

    @property
    def begins(self) -> str:
        """When it begins, as AWS's cron expression."""
        return _cron(self.from_hour, self.days)

    @property
    def ends(self) -> str:
        """When it ends, as AWS's cron expression."""
        if self.to_hour > self.from_hour:
            return _cron(self.to_hour, self.days)
        after = [DAYS[(DAYS.index(day) + 1) % 7] for day in self.days]
        return _cron(self.to_hour, after)

    @property
    def hours(self) -> frozenset[int]:
        """The hours of the week that it covers, Monday's first being 0."""
        length = (self.to_hour - self.from_hour) % 24 or 24
        starts = [24 * DAYS.index(day) + self.from_hour for day in self.days]
        return frozenset((s + h) % 168 for s in starts for h in range(length))


def _cron(hour: int, days: Iterable[str]) -> str:
    return f"cron(0 {hour} ? * {','.join(day.upper() for day in days)} *)"


@dataclass(frozen=True, slots=True)
class Model:
    """One model's function; the table's name is the model's in the registry."""

    mode: str = "dynamic"
    """static: the version lies in the image; dynamic: the function follows an alias."""
    alias: str = "live"
    """Followed by a dynamic deployment."""
    version: int | None = None
    """Of a static deployment."""
    variant: str = ""
    """Which variant of the version is served; empty: the version's default."""
    route: str = ""
    """Its place in the API, /v1/models/ROUTE; empty: the model's name."""
    downloads: bool = False
    """Whether games may fetch its versions, to answer when the service is away."""
    memory_mb: int = 1024
    """128 to 10,240; 1,769 are one whole core."""
    timeout_s: int = 10
    """1 to 29 seconds."""
    architecture: str = "arm64"
    """arm64 or x86_64."""
    reserved_concurrency: int | None = None
    """At most this many at once, and as many kept free for it in the account."""
    provisioned_concurrency: int = 0
    """Kept warm at all hours."""
    schedule: Schedule | None = None
    """More of them in some hours."""
    snapstart: bool = False
    """Start from a snapshot; not verified on AWS with this image yet."""
    canary: str = "ALL_AT_ONCE"
    """How CodeDeploy shifts requests to a new image; its own predefined steps."""
    refresh_seconds: float = 2.0
    """How long a dynamic deployment believes its alias."""
    alarms: Alarms = field(default_factory=Alarms)
    """When an operator is told, and a canary is taken back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one title may ask for; what is left out is the API's own."""

    requests_per_second: int | None = None
    """Over time."""
    burst: int | None = None
    """At once."""
    daily_quota: int | None = None
    """Requests a day."""


@dataclass(frozen=True, slots=True)
class Api:
    """The door."""

    kind: str = "rest"
    """rest: keys, plans, throttling by title, WAF; http: cheaper, without them."""
    titles: tuple[str, ...] = ()
    """Games that may ask: each gets an API key and a usage plan. Empty: no key."""
    requests_per_second: int = 50
    """Of each title, over time."""
    burst: int = 100
    """Of each title, at once."""
    daily_quota: int = 100_000
    """Requests a day of each title."""
    limits: Mapping[str, Limits] = field(default_factory=dict)
    """A title's own, where it needs others: [stages.prod.api.limits.demo-game]."""
    max_body_bytes: int = 6_000_000
    """Of one request, unpacked; Lambda itself takes 6 MB, API Gateway 10."""
    waf: bool = False
    """A firewall: addresses that ask too often, and those that AWS knows to be bad."""
    waf_requests_per_5_minutes: int = 10_000
    """Of one address; whoever asks more often is turned away."""
    origins: tuple[str, ...] = ()
    """Web pages that may ask, as ``https://game.example``; ``*`` alone: any page."""
    domain: str = ""
    """The API's own name: models.example.com."""
    certificate: str = ""
    """ARN of the name's certificate, in the stage's region."""
    zone: str = ""
    """Id of the Route 53 zone in which the name's record is made; empty: none is."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One deployment: a region, a registry, an API, functions."""

    name: str
    region: str
    """An AWS region: eu-west-1."""
    alarm_email: str
    """Where alarms and the budget's warnings go."""
    models: Mapping[str, Model]
    """[stages.prod.models.NAME], one a function."""
    api: Api = field(default_factory=Api)
    """The door."""
    account: str = ""
    """Twelve digits; empty: the one of the credentials."""
    registry: str = ""
    """s3://bucket/prefix of a registry that is there already; empty: its own."""
    registry_key: str = ""
    """ARN of that registry's KMS key, where its bucket has one of its own."""
    trust: tuple[str, ...] = ()
    """Public keys in functions/trust; only what one of them signed is served."""
    default_model: str = ""
    """What POST /model-service asks; empty: the only model."""
    log_days: int = 30
    """Days that logs are kept; one of CloudWatch's own steps."""
    monthly_budget_usd: float = 50.0
    """A mail at 80 and 100 percent of it."""
    keep_registry: bool = True
    """Whether the bucket survives `cdk destroy`."""
