"""The tables of the deployment file, as frozen dataclasses.

The description below each field is its line in docs/reference/deployment.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotseat_infra.deployment.schedule import Schedule

RENAMED_FROM = "renamed_from"
"""Metadata of a field: its former key, which is read for one more release."""
TMP_MB = 512
"""A function's temporary folder, unless set: MB of 2^20 bytes (AWS, "Configure
ephemeral storage for Lambda functions")."""
P95_MS, API_P95_MS, TEXT_P95_MS = 250, 1_000, 10_000
"""Latencies that raise an alarm, unless set: of a function, of the API, and of both
where texts are written, which takes as long as the text is."""
_CACHE_SHARE = 0.8
"""The share of the temporary folder for fetched versions."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """Thresholds that alert an operator; the first two also roll back a canary."""

    p95_ms: int = 0
    """Alarm above this latency in the function: the 95th percentile, milliseconds; 0:
    250, and 10,000 for a model with `text`."""
    error_percent: float = 1.0
    """Alarm from this percentage of 5xx answers on."""
    throttled: int = 1
    """Alarm from this many throttled requests on, within the window."""
    unreachable: int = 10
    """Alarm from this many failed reads of the registry on, within the window."""
    spillover: int = 1
    """Alarm from this many requests on, within the window, that found no provisioned
    environment."""
    least_requests: int = 20
    """Fewer requests in a minute raise no alarm of latency or errors."""
    minutes: int = 5
    """Length of the window. Latency and errors alarm when three fifths of its minutes
    are over the threshold."""


@dataclass(frozen=True, slots=True)
class Model:
    """The function of one model; the table has the model's name in the registry."""

    mode: str = "dynamic"
    """static: the image holds the version; dynamic: the function follows an alias."""
    alias: str = "live"
    """The alias that a dynamic deployment follows."""
    version: int | None = None
    """The version of a static deployment."""
    variant: str = ""
    """The variant to serve; empty: the version's default."""
    route: str = ""
    """Its path in the API, /v1/models/ROUTE; empty: the model's name."""
    stack: str = ""
    """Nested stack of its function and its routes; empty: the service's own stack, of
    500 resources. A model cannot move to another stack."""
    packages: str = ""
    """Folder below functions/packages with wheels of your own rules; empty: none."""
    preprocessing: bool = False
    """Whether the image can read tokenizers and images, for models that need it."""
    text: bool = False
    """Whether its versions are language models: the image has what they need beside the
    runtime (tokenizers, llguidance)."""
    filter: str = ""
    """The model, `chat-moderation` or `chat-moderation#beta`, that judges its texts (a
    version's template names it): the function may read it, and holds it in memory."""
    downloads: bool = False
    """Whether games may download its versions, to answer offline."""
    function_url: bool = False
    """An address of its own beside the API, for callers with AWS credentials (they sign
    with SigV4 and need lambda:InvokeFunctionUrl and lambda:InvokeFunction). It streams
    answers; the API's keys, quotas and firewall are not in front of it."""
    package: str = "image"
    """image: a container image; zip: a zip file for Lambda's own Python, which
    `hotseat deploy zip` builds."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the function: for your own rules, and the service's
    settings that the file does not set, { HOTSEAT_MAX_MS = "500" }. No secrets: they
    are readable in the template."""
    memory_mb: int = 1024
    """128 to 10,240; 1,769 give one whole core."""
    ephemeral_storage_mb: int = TMP_MB
    """Temporary folder, 512 to 10,240: a promote needs space for two versions."""
    timeout_s: int = 10
    """1 to 29 seconds; up to 900 behind a REST API with `stream`."""
    architecture: str = "x86_64"
    """x86_64 or arm64. Golden rows and int8 models were run on x86_64 alone."""
    reserved_concurrency: int | None = None
    """Maximum of concurrent executions, reserved for it in the account."""
    provisioned_concurrency: int = 0
    """Environments kept warm at all hours."""
    schedule: Schedule | None = None
    """More provisioned concurrency in some hours."""
    snapstart: bool = False
    """Start from a snapshot; not yet verified on AWS with this image."""
    capacity_provider: str = ""
    """ARN of a capacity provider: the function runs on EC2 instances that Lambda
    manages (Lambda Managed Instances), in the provider's VPC, one request at a time in
    each environment, and has no cold starts while they keep up. Not yet verified on
    AWS; a function that changes to it, or back, is created anew."""
    canary: str = "ALL_AT_ONCE"
    """How CodeDeploy shifts traffic to a new image: one of its predefined steps."""
    refresh_seconds: float = 2.0
    """How long a dynamic deployment caches its alias."""
    alarms: Alarms = field(default_factory=Alarms)
    """Thresholds that alert an operator and roll back a canary."""

    @property
    def p95_ms(self) -> int:
        """The latency in milliseconds above which the function's alarm fires."""
        return self.alarms.p95_ms or (TEXT_P95_MS if self.text else P95_MS)


def cache_bytes(ephemeral_storage_mb: int) -> int:
    """Return the bytes for fetched versions in a temporary folder of this size."""
    return int(_CACHE_SHARE * (ephemeral_storage_mb << 20))


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one game; a missing one is the API's."""

    requests_per_second: int | None = None
    """Average rate."""
    burst: int | None = None
    """Requests at once."""
    daily_quota: int | None = None
    """Requests a day."""


@dataclass(frozen=True, slots=True)
class ApiAlarms:
    """Thresholds at the API, within five minutes each."""

    p95_ms: int = 0
    """Alarm above this latency: the 95th percentile, milliseconds; 0: 1,000, and 10,000
    where a model has `text`."""
    error_percent: float = 5.0
    """Alarm from this percentage of 5xx answers on."""
    blocked: int = 100
    """Alarm from this many requests on that WAF blocks."""
    least_requests: int = 20
    """Fewer requests raise no alarm of latency or errors."""


@dataclass(frozen=True, slots=True)
class Api:
    """The public API in front of the functions."""

    kind: str = "rest"
    """rest: API keys, usage plans, limits by game, WAF; http: cheaper, without them."""
    games: tuple[str, ...] = field(default=(), metadata={RENAMED_FROM: "titles"})
    """Games with access: each gets a usage plan, and an API key that its requests send;
    with tokens these name the game instead. Empty: no key."""
    access: str = ""
    """Who may call it: tokens (of players, minted by the game's server), jwt (of your
    identity provider), iam (signed by AWS credentials); empty: whoever has a key, or
    anybody without games. With jwt and iam, callers send a game's key as well, unless
    there are no games."""
    audience: str = "hotseat"
    """`aud` of the tokens, and of an identity provider's."""
    token_cache_seconds: int = 60
    """How long API Gateway remembers a token that was accepted: a revocation takes
    effect after it, and after a minute in the authorizer."""
    issuer: str = ""
    """For jwt behind an HTTP API: the provider's address, https://id.example.com."""
    user_pool: str = ""
    """For jwt behind a REST API: ARN of a Cognito user pool."""
    player_requests_per_second: float = 0.0
    """Limit of one player and one model; 0: none. It takes `access`, and adds a
    DynamoDB table to the stack."""
    player_burst: int = 10
    """Requests at once of one player and one model."""
    player_tokens_per_hour: int = 0
    """Tokens that language models write for one player in an hour; 0: no limit. It
    takes `access`, and adds a DynamoDB table to the stack."""
    tokens_per_hour: int = 0
    """Tokens that language models write for all callers in an hour; 0: no limit. It
    adds a DynamoDB table to the stack."""
    requests_per_second: int = 50
    """Average rate of each game."""
    burst: int = 100
    """Requests at once of each game."""
    daily_quota: int = 100_000
    """Requests a day of each game."""
    limits: Mapping[str, Limits] = field(default_factory=dict)
    """Other limits of one game: [stages.prod.api.limits.demo-game]."""
    stream: bool = False
    """Stream answers as they are made, without Lambda's limit of 6 MB; for a REST
    API."""
    max_body_bytes: int = 4_700_000
    """Of one request, decompressed; of Lambda's 6 MB so many are left beside base64."""
    waf: bool = False
    """A firewall that blocks addresses with too many requests or a bad reputation."""
    waf_requests_per_5_minutes: int = 10_000
    """Limit of one address; further requests are blocked."""
    waf_key_requests_per_5_minutes: int = 0
    """Limit of one game's key; 0: twice what the most generous game may send. A smaller
    limit than a game's own is an error."""
    private: bool = False
    """Whether the API has no public address: only the network's VPC reaches it, by an
    interface endpoint. For a REST API."""
    vpc_endpoints: tuple[str, ...] = ()
    """Ids of existing endpoints for `execute-api`, through which a private API is
    reached; empty: the stack creates one in the network's subnets."""
    origins: tuple[str, ...] = ()
    """Origins of web pages with access: ``https://game.example``; ``*``: any page."""
    alarms: ApiAlarms = field(default_factory=ApiAlarms)
    """Thresholds that alert an operator."""
    domain: str = ""
    """Custom domain of the API: models.example.com."""
    certificate: str = ""
    """ARN of the domain's certificate, in the stage's region."""
    zone: str = ""
    """Id of the Route 53 zone for the domain's record; empty: no record is created."""
    latency: bool = False
    """Whether stages in several regions share the domain: each player reaches the
    nearest region, and another one while that is down: a health check follows the share
    of 5xx answers."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may assume a role of the registry; without a table: the stage's account."""

    principals: tuple[str, ...] = ()
    """Accounts (twelve digits) and ARNs of roles; empty: the stage's own account."""
    mfa: bool = False
    """Whether they must have signed in with a second factor."""
    oidc_provider: str = ""
    """ARN of an identity provider in the account: GitHub's, for its workflows."""
    oidc_subjects: tuple[str, ...] = ()
    """Accepted subjects of its tokens: `repo:studio/models:ref:refs/heads/main`."""
    oidc_audience: str = "sts.amazonaws.com"
    """Audience of its tokens."""


@dataclass(frozen=True, slots=True)
class Network:
    """An existing VPC, in which the functions run."""

    vpc: str
    """Its id: vpc-0a1b2c3d."""
    subnets: tuple[str, ...]
    """Ids of private subnets, in two zones or more."""
    security_groups: tuple[str, ...]
    """Ids of the functions' security groups; they need port 443 to S3, and to DynamoDB
    with a limit of players."""
    route_tables: tuple[str, ...] = ()
    """Ids of the subnets' route tables: the stack adds gateway endpoints for S3 and
    DynamoDB to them, which cost nothing. Empty: the VPC has its own way to both."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Work on the registry that runs by itself; for a registry that the stage creates.

    A function in the registry's stack does it, at most 15 minutes each time.
    """

    verify_every_days: int = 1
    """How often every file, ledger and signature is checked; 0: never. Damage is an
    alarm."""
    collect_every_days: int = 0
    """How often garbage is collected (`hotseat registry gc`); 0: never."""
    keep_days: int = 30
    """Days for which garbage collection keeps a version without an alias."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One deployment: a region, a registry, an API and functions."""

    name: str
    region: str
    """An AWS region: eu-west-1."""
    alarm_email: str
    """Receives alarms and the budget's warnings."""
    models: Mapping[str, Model]
    """[stages.prod.models.NAME]: one function each."""
    api: Api = field(default_factory=Api)
    """The public API in front of the functions."""
    account: str = ""
    """Twelve digits; empty: the account of the credentials."""
    registry: str = ""
    """s3://bucket/prefix of an existing registry; empty: the stage creates one."""
    registry_key: str = ""
    """ARN of that registry's KMS key, if its bucket has one."""
    encryption_keys: tuple[str, ...] = ()
    """ARNs of symmetric keys in KMS for versions that are encrypted (`hotseat publish
    --encrypt`): each function may decrypt with them the versions of the models that it
    serves, and the publisher's role may encrypt."""
    player_secret: str = ""
    """ARN of the secret in Secrets Manager from which players' pseudonyms in the log
    are derived; empty: the log names no player."""
    player_secret_key: str = ""
    """ARN of that secret's KMS key, if it is not the account's own for Secrets
    Manager."""
    trust: tuple[str, ...] = ()
    """Public keys in functions/trust: the service follows only the heads, and serves
    only the versions, that they signed."""
    trust_threshold: int = 1
    """How many of these keys must have signed a head: 2 for two people."""
    head_grace_days: float = 7.0
    """Days after its expiry in which a signed head is still followed."""
    unsigned: bool = False
    """Whether aliases stand where the registry says, without a signed head. A stage
    needs `trust` or this."""
    all_versions: bool = False
    """Whether requests reach every version of the stage's models by number; otherwise
    only the live one and the one that the model follows."""
    default_model: str = ""
    """The model behind POST /model-service; empty: the only model."""
    chat_model: str = ""
    """The model behind OpenAI's /v1/chat/completions and /v1/completions; empty: the
    only one with `text`."""
    embeddings_model: str = ""
    """The model behind OpenAI's /v1/embeddings; empty: the default model."""
    alarm_webhook: str = ""
    """An https address that receives alarms as SNS sends them; it has to confirm the
    subscription. Chat and on-call services give one."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of all resources, beside ``hotseat:stage``: { team = "models" }."""
    permissions_boundary: str = ""
    """Name of a managed policy that bounds every role, where an account demands one."""
    account_concurrency: int = 1_000
    """Concurrent executions that the account allows in the region: an alarm fires at
    four fifths of it. `hotseat deploy check --account` compares it with the quota."""
    network: Network | None = None
    """The VPC of the functions; without it they run in Lambda's own network."""
    maintenance: Maintenance | None = None
    """Checks and garbage collection by schedule; without it, none."""
    log_days: int = 30
    """Retention of logs in days; one of CloudWatch's steps."""
    monthly_budget_usd: float = 50.0
    """Mails are sent at 80 and 100 percent of it."""
    keep_registry: bool = True
    """Whether the bucket survives `cdk destroy`."""
    object_lock_days: int = 0
    """Days in which nobody can remove a former state of the ledger, a manifest or any
    other object (S3 Object Lock, governance mode); 0: none. It cannot be turned off."""
    access: Mapping[str, Access] = field(default_factory=dict)
    """Who may assume a role of the registry: [stages.prod.access.publisher]."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The models that write texts."""
        return tuple(name for name, model in self.models.items() if model.text)

    @property
    def api_p95_ms(self) -> int:
        """The latency in milliseconds above which the API's alarm fires."""
        return self.api.alarms.p95_ms or (TEXT_P95_MS if self.texts else API_P95_MS)

    def openai_routes(self) -> Mapping[str, str]:
        """Return the models behind OpenAI's paths below /v1, where they are known."""
        routes: dict[str, str] = {}
        if chat := self.chat_model or (self.texts[0] if len(self.texts) == 1 else ""):
            routes |= {"chat/completions": chat, "completions": chat}
        if self.embeddings_model:
            routes["embeddings"] = self.embeddings_model
        return routes
