"""The verb `serve`."""

import argparse
import gc
import importlib.util
import os
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from hotseat_registry import Registry
from hotseat_registry.cli.common import REFUSED, Run, add_registry, answering
from hotseat_registry.errors import RegistryError
from hotseat_serve.local.arguments import add_arguments
from hotseat_serve.settings import Settings

if TYPE_CHECKING:
    from hotseat_serve.adapters.listener import Listener
    from hotseat_serve.api.router import Router

_EPILOG = """\
example: hotseat serve --registry file://.hotseat/registry --port 8080
  curl http://127.0.0.1:8080/v1/models
  curl http://127.0.0.1:8080/v1/models/sentiment/predict -d '{"text": "well played"}'

example: several models, one of them as default of POST /model-service
  hotseat serve --model sentiment

example: for this network, without asking who it is; a device may download mood
  hotseat serve --host 0.0.0.0 --open --downloads mood

example: for players with a token of the studio's server, ten requests a second each
  hotseat serve --host 0.0.0.0 --require-tokens tokens.pub --player-rate 10

example: two workers; health and metrics on http://127.0.0.1:9090
  hotseat serve --workers 2 --management 9090

Other settings are environment variables (HOTSEAT_TRUST, HOTSEAT_MAX_BODY_BYTES, ...);
docs/reference/service.md lists them.
"""


def serve(parser: argparse.ArgumentParser) -> Run:
    """Serve a registry's models over HTTP on this machine."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Serve a registry's models over HTTP: the game API under /v1, the Open\n"
        "Inference Protocol under /v2, pages to try it under /docs. A promotion or\n"
        "rollback takes effect within --refresh seconds, without a restart."
    )
    parser.epilog = _EPILOG
    add_registry(parser)
    add_arguments(parser)
    return _serve


@answering()
def _serve(arguments: argparse.Namespace) -> int:
    from hotseat_serve.adapters.client_limits import Limits
    from hotseat_serve.adapters.host_rule import is_loopback, is_own_host
    from hotseat_serve.adapters.listener import ListenError
    from hotseat_serve.api.factory import create_router
    from hotseat_serve.local import server
    from hotseat_serve.log_safety import escape_logs

    escape_logs()
    asks = arguments.require_tokens is not None
    is_local = arguments.unix is not None or is_loopback(arguments.host)
    if not (arguments.open or asks or is_local):
        print(
            f"hotseat: --host {arguments.host} lets other machines connect: add "
            "--require-tokens, or --open to answer whoever does",
            file=sys.stderr,
        )
        return REFUSED
    try:
        settings = _settings(arguments)
    except ValueError as error:  # an environment variable's
        print(f"hotseat: {error}", file=sys.stderr)
        return REFUSED
    if arguments.traces and importlib.util.find_spec("opentelemetry.sdk") is None:
        print(
            "hotseat: --traces needs pip install 'hotseat-platform[otel]'",
            file=sys.stderr,
        )
        return REFUSED
    if arguments.certificate is None and arguments.key is not None:
        print("hotseat: --key needs --certificate", file=sys.stderr)
        return REFUSED
    router = create_router(settings)
    gc.freeze()  # as the handler does
    try:
        listener = _listener(arguments)
        management = _management_listener(arguments)
    except ListenError as error:
        print(f"hotseat: {error}", file=sys.stderr)
        return REFUSED
    options = server.Options(
        limits=Limits(
            connections=arguments.connections,
            receive=arguments.receive,
            grace=arguments.grace,
        ),
        # a page that rebinds its name to this address has no token
        accepts_host=(lambda _: True) if arguments.open or asks else is_own_host,
        threads=arguments.parallel,
        waiting=arguments.queue,
        workers=arguments.workers,
        certificate=arguments.certificate,
        key=arguments.key,
        batch=arguments.batch,
        traces=arguments.traces,
    )
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe's reader sees lines
    try:
        if arguments.workers == 1 and management is None:
            _announce(router, listener)
            _close_on_sigterm(listener)
            server.serve_alone(router, listener, options)
        else:
            server.serve_with_workers(
                router,
                listener,
                options,
                management,
                lambda: _announce(router, listener, management),
            )
    finally:
        listener.close()
    return 0


def _close_on_sigterm(listener: "Listener") -> None:
    """Remove a Unix socket before the signal that uvicorn repeats ends the process."""

    def end(number: int, _frame: object) -> None:
        listener.close()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, end)


def _listener(arguments: argparse.Namespace) -> "Listener":
    """Open the socket; raises `ListenError`."""
    from hotseat_serve.adapters import listener

    secure = arguments.certificate is not None
    if secure:
        listener.check_certificate(arguments.certificate, arguments.key)
    if arguments.workers > 1 and not hasattr(os, "fork"):
        raise listener.ListenError("--workers needs a POSIX system; use --workers 1")
    if arguments.management and not hasattr(os, "fork"):
        raise listener.ListenError("--management needs a POSIX system; leave it out")
    if arguments.unix is not None:
        return listener.listen_unix(arguments.unix, secure=secure)
    return listener.listen(arguments.host, arguments.port, secure=secure)


def _management_listener(arguments: argparse.Namespace) -> "Listener | None":
    """Open the socket of health and metrics, if wanted; raises `ListenError`."""
    from hotseat_serve.adapters import listener

    if not arguments.management:
        return None
    host, _, port = arguments.management.rpartition(":")
    if not port.isdecimal():
        raise listener.ListenError(
            f"--management {arguments.management} is no PORT or HOST:PORT"
        )
    host = host.strip("[]") or "127.0.0.1"
    return listener.listen(host, int(port), flag="--management")


def _announce(
    router: "Router", listener: "Listener", management: "Listener | None" = None
) -> None:
    """Print the address and the next steps."""
    base = router.settings.base_path.rstrip("/")
    address = f"{listener.url}{base}"
    where = f" (socket {listener.path})" if listener.path else ""
    print(f"serving {router.settings.registry} on {address}{where}", flush=True)
    print(f"  try  {listener.curl} {address}/v1/models", flush=True)
    print(f"  docs {address}/docs   stop: Ctrl-C", flush=True)
    if management is not None:
        _announce_management(management)
    if not router.settings.default_model:
        # beside the start: a bucket that is away must not hold it up
        threading.Thread(
            target=_print_default_model, args=(router.registry,), daemon=True
        ).start()


def _announce_management(management: "Listener") -> None:
    from hotseat_serve.local.management import METRICS, READY
    from hotseat_serve.local.server import has_metrics

    print(f"  health {management.url}{READY}", flush=True)
    if has_metrics():
        print(f"  metrics {management.url}{METRICS}", flush=True)
    else:
        print(
            "  note metrics need: pip install 'hotseat-platform[metrics]'", flush=True
        )


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = replace(
        Settings.from_env(os.environ),
        registry=arguments.registry,
        refresh_seconds=arguments.refresh,
        log=arguments.log,
    )
    if arguments.require_tokens is not None:
        settings = replace(
            settings,
            access="tokens",
            token_keys=arguments.require_tokens,
            player_rate=arguments.player_rate,
        )
    given = {
        "origins": arguments.origins,
        "default_model": arguments.model,
        "base_path": arguments.base_path,
        "downloads": arguments.downloads,
        "decrypt_keys": arguments.decrypt_keys,
    }
    return replace(settings, **{name: text for name, text in given.items() if text})


def _print_default_model(registry: Registry) -> None:
    """Print the next step where POST /model-service has no model, or several."""
    from hotseat_serve.runtime.default_model import live_models, why_no_default

    try:
        live = live_models(registry)
        notice = "" if len(live) == 1 else why_no_default(registry, live)
        if not live:
            notice += "; it is served from then on, without a restart"
    except RegistryError as error:
        notice = f"the registry does not answer yet: {error}"
    if notice:
        print(f"  note {notice}", flush=True)
