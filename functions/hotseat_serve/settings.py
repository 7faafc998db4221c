"""The function's settings: environment variables as one value.

Infrastructure writes them with `to_env`, the function reads them with `from_env`,
so type checks find a renamed variable.
"""

import dataclasses
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is the variable ``HOTSEAT_<FIELD>``."""

    registry: str = "file://.hotseat/registry"
    """The registry's address: s3://bucket/prefix or file://folder."""
    default_model: str = ""
    """The model of POST /model-service; empty: the registry's only model."""
    static: bool = False
    """Whether the registry is in the image: aliases are read only once."""
    route: str = ""
    """Another name under which callers ask for `default_model`; empty: none."""
    base_path: str = ""
    """The path under which a front has the API, ``/ml``, where the front does not take
    it off itself: a load balancer's rule, a resource of another API, a proxy."""
    variant: str = ""
    """Which variant of each version is served; empty: the version's default."""
    refresh_seconds: float = 2.0
    """How long an alias is cached before it is read again."""
    cache: str = ""
    """Folder for fetched versions; empty: a folder in the temporary one."""
    cache_bytes: int = 400_000_000
    """What fetched versions may take; Lambda's /tmp has 512 MB."""
    trust: str = ""
    """Files with public keys, separated by commas; only what one of them signed is
    served. Empty: no signature is required."""
    origins: str = ""
    """Origins of web pages that may call the API (``https://game.example``), separated
    by commas; ``*``: any page. Empty: none. Only browsers apply this."""
    downloads: str = ""
    """Models whose versions a game may fetch to run them itself, separated by commas;
    ``*`` is every model, empty none."""
    max_body_bytes: int = 6_000_000
    """Of one request; Lambda itself takes 6 MB."""
    max_answer_bytes: int = 64_000_000
    """Of one answer; on Lambda what it takes, 6 MB with base64."""
    max_ms: int = 0
    """A request's time, where the caller's Deadline-Ms is not shorter; 0: no limit."""
    generate_seconds: float = 2.0
    """In which the items of one request have to be generated; 0: no limit."""
    memory_bytes: int = 0
    """For open versions, the least recently used go first; 0: eight are kept."""
    open_seconds: float = 30.0
    """In which a version has to be open and its golden rows answered; one that takes
    longer is refused."""
    threads: int = 1
    """Of one prediction; a Lambda function has one core for each 1,769 MB."""
    log: bool = True
    """Whether each request writes its line, which is its metrics too."""
    namespace: str = "Hotseat"
    """Of the metrics: deployments that share an account keep theirs apart."""
    sample: float = 0.0
    """The share of requests whose inputs are logged, masked."""
    player_key: str = ""
    """Key under which player_id is hashed for the log; empty: it is left out."""

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
        return cls(**values)  # type: ignore[arg-type] # each was made of its own type

    def to_env(self) -> dict[str, str]:
        """Return the variables that `from_env` reads."""
        return {
            _variable(field.name): str(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }

    @property
    def cache_folder(self) -> Path:
        """Where fetched versions lie."""
        if self.cache:
            return Path(self.cache)
        user = getattr(os, "getuid", lambda: "")()  # another user's is another folder
        return Path(tempfile.gettempdir(), f"hotseat-cache-{user}".rstrip("-"))


_BOOLEANS = {"1": True, "true": True, "True": True,
             "0": False, "false": False, "False": False, "": False}  # fmt: skip
LAMBDA_ANSWER = 6_291_556
"""Bytes of an invocation's answer (docs.aws.amazon.com, "Lambda quotas")."""
_PYTHON = 150 << 20
"""Bytes that the interpreter and the runtime take before any version is open."""


def _of_lambda(megabytes: int) -> dict[str, object]:
    """Return what a function's memory says: its cores, and what versions may take."""
    return {
        "threads": max(1, round(megabytes / 1769)),
        "memory_bytes": max((megabytes << 20) - _PYTHON, 16 << 20),
        "max_answer_bytes": LAMBDA_ANSWER,
    }


def _variable(field: str) -> str:
    return f"HOTSEAT_{field.upper()}"
