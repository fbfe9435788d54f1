"""Connects the coordinator to a Ray cluster and lists its nodes."""

import logging
import os
import re
import secrets
import signal
import socket
from dataclasses import dataclass
from typing import Any

from harness.dependencies import EXTRAS, missing_packages, missing_sentence
from harness.errors import UserError

ANSWER_SECONDS = 5.0  # timeout of a connection to a Ray server


@dataclass(frozen=True)
class Node:
    """A living node of a cluster; ``memory`` is what Ray reports, in bytes."""

    address: str
    port: int
    cpus: int
    gpus: int
    memory: int


def join(address: str, workers: int) -> None:
    """Connects this process to a cluster, or starts Ray on this machine; without output and usage statistics.

    A Ray that is started here listens on loopback addresses only, so that no other machine reaches it.

    Args:
        address: ``auto`` or HOST:PORT of the head; empty to start Ray on this machine.
        workers: CPUs of a new cluster; 0 for all of the machine.

    Raises:
        UserError: Ray is not installed, or no cluster answers at the address.
    """
    if packages := missing_packages(EXTRAS["ray"]):
        raise UserError(f"{missing_sentence(['--executor ray'], packages)}.")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = ".*"  # hides Ray's messages about lost nodes and workers
    import ray
    from ray._private import ray_constants

    options: dict[str, Any] = {"address": address}
    if not address:
        if "RAY_AUTH_MODE" not in os.environ:
            os.environ.setdefault(
                "RAY_AUTH_TOKEN", secrets.token_hex(32)
            )  # else Ray writes a token file to the home folder
        options = {"address": "local", "num_cpus": workers or None, "include_dashboard": False}
    else:
        _reach(address)
    handler, cluster = signal.getsignal(signal.SIGTERM), ray_constants.ENABLE_RAY_CLUSTER
    # Without clusters, Ray's address is 127.0.0.1, and servers of that address listen on loopback alone. `ray.init` has
    # no option for it: it replaces a node address of 127.0.0.1 by that of the network.
    ray_constants.ENABLE_RAY_CLUSTER = bool(address)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UserError(_refusal(address, last_line(error))) from error
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = cluster
        signal.signal(signal.SIGTERM, handler)  # ray.init installs its own handler


def _reach(address: str) -> None:
    """Checks that a cluster answers, since `ray.init` would retry for minutes before it fails."""
    if address != "auto" and not re.fullmatch(r"[^/]+:\d{1,5}", address):
        raise UserError(f"--ray-address {address}: it must be auto or HOST:PORT, for example 192.0.2.1:6379.")
    from ray._private.services import canonicalize_bootstrap_address

    try:
        host, _, port = str(canonicalize_bootstrap_address(address)).rpartition(":")
    except (ConnectionError, ValueError):
        host, port = "", "0"
    if not host or not listens(host, int(port)):
        raise UserError(
            f"--ray-address {address}: no Ray cluster answers there; start its head with ray start --head, or omit "
            f"--ray-address to start Ray on this machine alone."
        )


def _refusal(address: str, reason: str) -> str:
    if not address:
        return f"--executor ray: Ray could not start on this machine ({reason})."
    return (
        f"--ray-address {address}: a Ray cluster answers there but cannot be joined ({reason}); run the command "
        f"on one of its nodes, and with its token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN) if it has one."
    )


def listens(host: str, port: int) -> bool:
    """Whether a Ray server answers at an address.

    Ray's servers speak gRPC over HTTP/2. An HTTP/2 server answers the client preface with a SETTINGS frame (RFC 9113,
    section 3.4), whose type is the fourth byte of the frame header. With TLS, accepting the connection is enough.
    """
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return True
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            return connection.recv(9)[3:4] == b"\4"
    except (OSError, OverflowError):
        return False


def nodes() -> dict[str, Node]:
    """Returns the living nodes by id."""
    import ray

    listed: Any = ray.nodes  # untyped
    return {
        node["NodeID"]: Node(
            node["NodeManagerAddress"],
            node["NodeManagerPort"],
            *(int(node["Resources"].get(name, 0)) for name in ("CPU", "GPU", "memory")),
        )
        for node in listed()
        if node["Alive"]
    }


def last_line(error: BaseException) -> str:
    """Returns the last line of an error message; in Ray's errors it follows a traceback."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
