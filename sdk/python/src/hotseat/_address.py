"""URLs of a service and of its models."""

from urllib.parse import quote, urlsplit

from hotseat.errors import ConfigError


def base(url: str) -> str:
    """Return a base URL without its last slash; raises `ConfigError`."""
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:  # an invalid port or IPv6 address
        port_is_one = False
        parts = urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("a base URL must not contain user or password: pass api_key")
    fits = parts.scheme in {"http", "https"} and parts.hostname and port_is_one
    if not fits or parts.query or parts.fragment:
        raise ConfigError(
            f"{url!r} is not a base URL, such as https://models.example/prod; set "
            "HOTSEAT_URL or pass base_url"
        )
    return url.rstrip("/")


def proxy(url: str | None) -> str | None:
    """Return a proxy's URL; raises `ConfigError`, which never shows a password."""
    try:
        parts = urlsplit(url or "http://none")
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        port_is_one = False
        parts = urlsplit("")
    if not (parts.scheme in {"http", "https"} and parts.hostname and port_is_one):
        raise ConfigError("proxy is not a URL, such as http://proxy:3128")
    return url


def path_of(verb: str, model: str | None, version: int | str | None) -> str:
    """Return the path of a model's endpoint; raises `ConfigError`."""
    if model is None:
        if version is not None:
            raise ConfigError("version without model: pass model as well")
        return "/model-service"
    path = f"/v1/models/{part(model)}"
    if version is not None:
        path += f"/versions/{part(str(version))}"
    return f"{path}/{verb}"


def part(name: str) -> str:
    """Quote a segment of a path; raises `ConfigError` for dots alone."""
    if name in {"", ".", ".."}:
        raise ConfigError(f"{name!r} names no model or version")
    return quote(name, safe="")
