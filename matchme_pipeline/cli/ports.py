"""Checks that a port is free before a server uses it."""

import socket

from matchme_pipeline.errors import ConfigurationError


def require_free(host: str, port: int) -> None:
    """Raise ConfigurationError if nothing can listen on `port` of `host`, for example if another program does."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # A port whose last connections are still closing is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} of {host} cannot be listened on ({error.strerror or error}). End the program that uses it, "
            "or choose another with --port."
        ) from None
