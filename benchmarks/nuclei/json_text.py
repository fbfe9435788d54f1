"""JSON as Go's ``encoding/json`` writes it, and tokens that consist of it."""

import base64
import hashlib
import hmac
import json
from typing import Any

from .values import Value, to_bytes, to_string

_ALGORITHMS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def minify(text: str) -> str:
    """Returns an object of JSON with sorted keys and without white space.

    Raises:
        ValueError: the text is not an object of JSON.
    """
    return _write(_object(text))


def generate_jwt(claims: Value, algorithm: Value, key: Value = "") -> str:
    """Returns a JSON Web Token (RFC 7519), signed by HMAC or, for ``none`` in any case, not signed.

    Raises:
        ValueError: the claims are not an object of JSON, or the algorithm needs another kind of key.
    """
    name = to_string(algorithm)
    unsigned = name.strip().lower() in ("", "none")
    if not unsigned and name.upper() not in _ALGORITHMS:
        raise ValueError("an algorithm with a public key")
    header = {"alg": (name or "none") if unsigned else name.upper(), "typ": "JWT"}
    parts = [_encode(to_bytes(_write(part))) for part in (header, _object(to_string(claims)))]
    signed = ".".join(parts)
    signature = b"" if unsigned else hmac.new(to_bytes(key), signed.encode(), _ALGORITHMS[name.upper()]).digest()
    return f"{signed}.{_encode(signature)}"


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text, parse_constant=_reject)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _reject(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _write(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).translate(_ESCAPES)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
