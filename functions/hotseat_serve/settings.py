"""The function's settings: environment variables as one value.

Infrastructure writes them with `to_env`, the function reads them with `from_env`:
type checks find a renamed variable.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from hotseat_registry.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is the variable ``HOTSEAT_<FIELD>``."""

    registry: str = "file://.hotseat/registry"
    """The registry's address: s3://bucket/prefix or file://folder."""
    default_model: str = ""
    """The model of POST /model-service; empty: the registry's only live model."""
    models: str = ""
    """Models that requests reach, separated by commas: ``mood,chat#beta``, where chat
    follows the alias beta. Of each, requests reach live and the followed alias, and the
    versions on which these stand. Empty: the whole registry."""
    by_number: bool = False
    """Whether requests reach every version of these models by its number."""
    static: bool = False
    """Whether the registry is in the image; aliases are then read only once."""
    route: str = ""
    """A second name of `default_model` in requests; empty: none."""
    base_path: str = ""
    """A path prefix of the API (``/ml``) that a load balancer, a proxy or a resource of
    another API leaves on the request's path; empty: none."""
    variant: str = ""
    """The variant to serve of each version; empty: the version's default."""
    refresh_seconds: float = 2.0
    """Seconds for which an alias is cached."""
    cache: str = ""
    """Folder for fetched versions; empty: one in the system's temporary folder."""
    cache_bytes: int = 400_000_000
    """Maximum size of all fetched versions in bytes; Lambda's /tmp has 512 MB."""
    trust: str = ""
    """Files with public keys, separated by commas: only versions that one of them
    signed are served. Empty: no signature is required. A static deployment checks
    signatures when the version is baked, not here."""
    signed_heads: bool = False
    """Whether aliases stand where the signed head says (`hotseat registry sign`), and
    nowhere without one. Takes `trust`."""
    trust_threshold: int = 1
    """How many keys of `trust` must have signed a head."""
    head_grace_days: float = 7.0
    """Days after its expiry in which a signed head is still followed, with warnings."""
    access: str = ""
    """Who may ask. Empty: everybody; tokens: who sends a player token, verified here;
    gateway: whom an authorizer in front has accepted."""
    token_keys: str = ""
    """Files with the keys of player tokens, separated by commas: PEM, or one JSON Web
    Key Set. Empty: the registry's (`hotseat registry access`)."""
    audience: str = "hotseat"
    """`aud` of the tokens that are accepted."""
    token_games: str = ""
    """Games whose tokens are accepted, separated by commas; empty: any."""
    game_keys: str = ""
    """What the API keys of the stage's games are derived from, where an authorizer
    names them (`usage_key`); empty: it names none."""
    player_rate: float = 0.0
    """Requests a second of one player and one model; 0: no limit but a token's own,
    where limits are on."""
    player_burst: int = 10
    """Requests at once of one player and one model."""
    rate_table: str = ""
    """DynamoDB table that holds the limits of several functions; empty: in memory."""
    player_tokens: int = 0
    """Tokens that language models write for one player in an hour; 0: no limit."""
    stage_tokens: int = 0
    """Tokens that language models write for all callers in an hour; 0: no limit.
    Without `rate_table` each process counts its own."""
    origins: str = ""
    """Origins of web pages that may call the API (``https://game.example``), separated
    by commas; ``*``: any page. Empty: none. Only browsers apply this."""
    downloads: str = ""
    """Models whose versions clients may download and run themselves, separated by
    commas; ``*``: every model. Empty: none."""
    max_body_bytes: int = 6_000_000
    """Maximum size of an uncompressed request body; Lambda's own limit is 6 MB."""
    max_answer_bytes: int = 64_000_000
    """Maximum size of an answer; on Lambda without `stream` the default is Lambda's
    own limit, 6 MB including base64. Streamed files are not limited."""
    stream: bool = False
    """Whether Lambda's answers are streamed: the API's response transfer mode is
    STREAM, or the function URL's invoke mode RESPONSE_STREAM. Needs the runtime loop of
    the image; direct invocations are answered as before."""
    max_ms: int = 0
    """Time limit of a request in milliseconds; a shorter Deadline-Ms of the caller
    applies instead. 0: no limit."""
    generate_seconds: float = 2.0
    """Time limit in seconds for all generated items of a request; 0: no limit."""
    memory_bytes: int = 0
    """Memory for open versions; the least recently used are closed first. 0: at most
    eight versions are open."""
    open_seconds: float = 30.0
    """Time limit in seconds for opening a version and checking its golden rows; a
    slower version is refused."""
    recheck: bool = False
    """Whether every start checks all golden rows, also where the cache has a record
    that they passed with the same files, release and kind of processor."""
    threads: int = 1
    """Threads of one prediction; a Lambda function has one core for each 1,769 MB."""
    warm: bool = False
    """Whether the default model is opened before the first request, while the process
    starts: on Lambda in the init phase."""
    log: bool = True
    """Whether each request writes a log line, which also holds its metrics."""
    namespace: str = "Hotseat"
    """Namespace of the metrics; it separates deployments that share an account."""
    sample: float = 0.0
    """The share of requests whose inputs' shape is logged."""
    player_secret: str = ""
    """Where the secret for players' pseudonyms in the log is: ``secretsmanager:NAME``,
    an ARN, or a file. Empty: no pseudonym is logged."""
    decrypt_keys: str = ""
    """Where the keys of encrypted versions are, separated by commas: files,
    ``secretsmanager:NAME``, ARNs of keys in KMS. Empty: no encrypted version is
    served."""
    mask: str = ""
    """Models whose texts are masked before the model reads them, separated by commas;
    ``*``: every model. Empty: none."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the variables that are set; raises `ValueError` naming a bad one."""
        values: dict[str, object] = {}
        if "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" in env:
            values = _of_lambda(int(env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]))
        for field in dataclasses.fields(cls):
            name = _variable(field.name)
            if name not in env:
                continue
            kind: type = type(field.default)
            try:
                values[field.name] = (
                    _BOOLEANS[env[name]] if kind is bool else kind(env[name])
                )
            except (ValueError, KeyError):
                raise ValueError(
                    f"{name}={env[name]!r} is no {kind.__name__}"
                ) from None
        if values.get("stream"):
            values.pop("max_answer_bytes", None)
            if "HOTSEAT_MAX_ANSWER_BYTES" in env:
                values["max_answer_bytes"] = int(env["HOTSEAT_MAX_ANSWER_BYTES"])
        return cls(**values)  # type: ignore[arg-type] # each was made of its own type

    def to_env(self) -> dict[str, str]:
        """Return the variables that `from_env` reads."""
        return {
            _variable(field.name): str(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }

    def usage_key(self, game: str) -> str:
        """Return the API key by which a gateway counts the requests of a game.

        It is no secret: the gateway takes it from its authorizer alone (64 hex digits).
        """
        import hashlib  # late: a model's function derives none

        return hashlib.sha256(f"{self.game_keys}{game}".encode()).hexdigest()

    @property
    def cache_folder(self) -> Path:
        """The folder for fetched versions."""
        if self.cache:
            return Path(self.cache)
        user = getattr(os, "getuid", lambda: "")()  # each user has a separate folder
        return Path(_temporary_folder(), f"hotseat-cache-{user}".rstrip("-"))


_BOOLEANS = {"1": True, "true": True, "True": True,
             "0": False, "false": False, "False": False, "": False}  # fmt: skip
LAMBDA_ANSWER = 6_291_556
"""Bytes of an invocation's answer (docs.aws.amazon.com, "Lambda quotas")."""
PYTHON_BYTES = 150 << 20
"""Bytes of the interpreter and the runtime without an open version."""


def _of_lambda(megabytes: int) -> dict[str, object]:
    """Return the settings that follow from a function's memory."""
    return {
        "threads": max(1, round(megabytes / 1769)),
        "memory_bytes": max((megabytes << 20) - PYTHON_BYTES, 16 << 20),
        "max_answer_bytes": LAMBDA_ANSWER,
    }


def _temporary_folder() -> str:
    """Return what `tempfile.gettempdir` does, where it is plain without that import.

    The import takes as long as a tenth of the modules of the service.
    """
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    folder = next(filter(None, named), "/tmp")  # noqa: S108 (a private folder in it)
    plain = os.name == "posix" and folder.startswith("/")
    if plain and os.access(f"{folder}/.", os.W_OK | os.X_OK):
        return folder
    import tempfile

    return tempfile.gettempdir()


def _variable(field: str) -> str:
    return f"HOTSEAT_{field.upper()}"
