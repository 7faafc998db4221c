"""The verb `serve`: the same application on this machine."""

import argparse
import gc
import os
import socket
import sys
from dataclasses import replace

from hotseat_registry.verbs.command import REFUSED, Run, add_registry, answering
from hotseat_serve.settings import Settings


def serve(parser: argparse.ArgumentParser) -> Run:
    """Serve a registry's models over HTTP on this machine."""
    parser.description = (
        "Serve a registry's models over HTTP. A promote or roll back is noticed "
        "within --refresh seconds, without a restart."
    )
    parser.epilog = (
        "example: hotseat serve --registry file://.hotseat/registry --port 8080"
    )
    add_registry(parser)
    parser.add_argument("--port", type=int, default=8080, help="default: 8080")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument(
        "--model",
        default="",
        help="what POST /model-service asks (default: the only live model)",
    )
    parser.add_argument(
        "--refresh",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="how long an alias is believed (default: 2)",
    )
    parser.add_argument(
        "--origins",
        default="",
        metavar="LIST",
        help="web pages that may ask, https://game.example,... or * (default: none)",
    )
    parser.add_argument(
        "--log", action="store_true", help="write a JSON line a request, as on Lambda"
    )
    return _serve


@answering()
def _serve(arguments: argparse.Namespace) -> int:
    import uvicorn

    from hotseat_serve.app import create_app
    from hotseat_serve.open import open_room

    settings = replace(
        Settings.from_env(os.environ),
        registry=arguments.registry,
        refresh_seconds=arguments.refresh,
        downloads=os.environ.get("HOTSEAT_DOWNLOADS", "*"),
        log=arguments.log,
    )
    if arguments.origins:
        settings = replace(settings, origins=arguments.origins)
    if arguments.model:
        settings = replace(settings, default_model=arguments.model)
    app = create_app(open_room(settings))
    gc.freeze()  # as the handler does
    # named TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        # a restart may take the port again at once
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((arguments.host, arguments.port))
            listener.listen(2048)  # whoever reads the address below may connect
        except (OSError, OverflowError) as error:
            print(
                f"hotseat: cannot listen on {arguments.host}:{arguments.port}: "
                f"{error}; choose another with --port",
                file=sys.stderr,
            )
            return REFUSED
        host, port = listener.getsockname()[:2]
        print(f"serving {settings.registry} on http://{host}:{port}", flush=True)
        print(f"  try  curl http://{host}:{port}/v1/models", flush=True)
        print(f"  docs http://{host}:{port}/docs   stop: Ctrl-C", flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])
    return 0
