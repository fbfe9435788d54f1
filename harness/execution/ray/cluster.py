"""The Ray cluster as the command line's process sees it: joining it, and which nodes it has."""

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

ANSWER = 5.0  # seconds within which a server must answer


@dataclass(frozen=True)
class Node:
    """A living node of a cluster; ``memory`` in bytes, as Ray counts it."""

    address: str
    port: int
    cpus: int
    gpus: int
    memory: int


def join(address: str, workers: int) -> None:
    """Connects this process to a cluster, or starts one of this machine; quiet, and without usage statistics.

    Raises:
        UserError: Ray is not installed, or there is no cluster at the address.
    """
    if packages := missing_packages(EXTRAS["ray"]):
        raise UserError(f"{missing_sentence(['--executor ray'], packages)}.")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = ".*"  # keeps what Ray says of lost nodes and workers off our output
    import ray

    options: dict[str, Any] = {"address": address}
    if not address:
        if "RAY_AUTH_MODE" not in os.environ:
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray leaves one in the home folder
        options = {"address": "local", "num_cpus": workers or None, "include_dashboard": False}
    else:
        _reach(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UserError(_refusal(address, last_line(error))) from error
    finally:
        signal.signal(signal.SIGTERM, handler)  # ray.init puts its own in place


def _reach(address: str) -> None:
    """Makes sure that a cluster answers, for `ray.init` would try for minutes where none does."""
    if address != "auto" and not re.fullmatch(r"[^/]+:\d{1,5}", address):
        raise UserError(f"--ray-address {address}: auto or HOST:PORT is needed, as in 192.0.2.1:6379.")
    from ray._private.services import canonicalize_bootstrap_address

    try:
        host, _, port = str(canonicalize_bootstrap_address(address)).rpartition(":")
    except (ConnectionError, ValueError):
        host, port = "", "0"
    if not host or not listens(host, int(port)):
        raise UserError(
            f"--ray-address {address}: no Ray cluster answers there; start its head with ray start --head, or leave "
            f"--ray-address out to start Ray on this machine alone."
        )


def _refusal(address: str, reason: str) -> str:
    if not address:
        return f"--executor ray: Ray could not start on this machine ({reason})."
    return (
        f"--ray-address {address}: a Ray cluster answers there and cannot be joined ({reason}); the command must run "
        f"on one of its nodes, and with its token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN) where it has one."
    )


def listens(host: str, port: int) -> bool:
    """Whether a server of Ray's answers: it greets with a SETTINGS frame (RFC 9113, section 3.4)."""
    try:
        with socket.create_connection((host, port), timeout=ANSWER) as connection:
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
    """Returns the last line of what an error says; Ray puts tracebacks before it."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
