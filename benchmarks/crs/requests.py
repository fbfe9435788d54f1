"""Writes the bytes of a request as go-ftw sends them.

Source: ``ftwhttp/request.go`` and ``test/defaults.go`` of https://github.com/coreruleset/go-ftw, version 2.
"""

import base64
import binascii
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from .fields import Unusable, mapping
from .go_template import evaluate

_FORM = b"application/x-www-form-urlencoded"
# go-ftw's own expression: it matches what begins with POST, contains PUT or PATCH, or ends with DELETE.
_METHODS_WITH_BODY = re.compile(rb"^POST|PUT|PATCH|DELETE\Z")
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

Headers = list[tuple[bytes, bytes]]


def payload(request: Mapping[Any, Any]) -> bytes:
    """Returns the bytes of a request.

    Args:
        request: the fields of a test's ``input``; or those of a template, with the text for it under ``payload``.

    Raises:
        Unusable: the request cannot be sent as it is, or its bytes depend on a response.
    """
    if encoded := request.get("encoded_request"):
        return _from_base64(encoded, "encoded_request")
    if raw := request.get("raw_request"):
        return _bytes(raw, "raw_request")
    if not request:
        raise Unusable("it has no input")
    if _truth(request, "follow_redirect"):
        raise Unusable("its address comes from a redirect")
    if request.get("response"):
        raise Unusable("its input describes a response of the server")
    method, version = _field(request, "method", b"GET"), _field(request, "version", b"HTTP/1.1")
    uri = _rendered(request, "uri", _field(request, "uri", b"/"))
    headers, body = _completed(method, _headers(request), _body(request), _autocompletes(request))
    return b"\r\n".join((b"%s %s %s" % (method, uri, version), *(b"%s: %s" % header for header in headers), b"", body))


def _completed(method: bytes, headers: Headers, body: bytes, autocompletes: bool) -> tuple[Headers, bytes]:
    """Returns headers and body with what go-ftw adds and encodes."""
    if body and autocompletes:
        if not _values(headers, b"content-type"):
            headers = [*headers, (b"Content-Type", _FORM)]
        if any(value.lower() == _FORM for value in _values(headers, b"content-type")):
            body = _form_encoded(body)
    if any(b"multipart/form-data;" in value.lower() for value in _values(headers, b"content-type")):
        body = body.replace(b"\n", b"\r\n")  # also in CR LF, which becomes CR CR LF
    if autocompletes:
        if not _values(headers, b"connection"):
            headers = [*headers, (b"Connection", b"close")]
        has_body = body or _METHODS_WITH_BODY.search(method)
        if has_body and not _values(headers, b"content-length"):
            headers = [*headers, (b"Content-Length", b"%d" % len(body))]
    return headers, body


def _form_encoded(body: bytes) -> bytes:
    """Encodes keys and values of form data, unless decoding it would change it: then it is taken as encoded."""
    if b"+" in body or b"%" in body:
        return body
    pairs = body.split(b"&")
    if not pairs[-1]:
        pairs.pop()  # go-ftw drops one "&" at the end
    quote = urllib.parse.quote_plus
    return "&".join("=".join(quote(part) for part in pair.split(b"=", 1)) for pair in pairs).encode()


def _headers(request: Mapping[Any, Any]) -> Headers:
    """Returns names and values in the order in which they are sent: those of a mapping are sorted by name."""
    ordered, plain = request.get("ordered_headers"), request.get("headers")
    if ordered and plain:
        raise Unusable("it has both headers and ordered_headers")
    headers = ordered or plain or {}
    if isinstance(headers, dict):
        pairs = [(_bytes(name, "header name"), value) for name, value in headers.items()]
        pairs.sort(key=lambda pair: pair[0])
    elif isinstance(headers, list):
        pairs = [_pair(item) for item in headers]
    else:
        raise Unusable("its headers are neither a mapping nor a list")
    return [
        (name, _rendered(request, "header", b"" if value is None else _bytes(value, "header"))) for name, value in pairs
    ]


def _pair(item: Any) -> tuple[bytes, Any]:
    fields = {str(name).lower(): value for name, value in mapping(item).items()}
    if "name" not in fields or set(fields) - {"name", "value"}:
        raise Unusable("an item of its headers is not a name and a value")
    return _bytes(fields["name"], "header name"), fields.get("value")


def _values(headers: Headers, name: bytes) -> list[bytes]:
    """Returns the values of all headers with a name, which is in lower case."""
    return [value for other, value in headers if other.lower() == name]


def _body(request: Mapping[Any, Any]) -> bytes:
    data = request.get("data")
    if data is None:
        encoded = request.get("encoded_data")
        return b"" if encoded is None else _from_base64(encoded, "encoded_data")
    lines = data if isinstance(data, list) else [data]  # a list of lines in tests for the predecessor in Python
    text = b"\r\n".join(_bytes(line, "data") for line in lines)
    return evaluate(text, _payload(request), "data") if b"{{" in text else text


def _rendered(request: Mapping[Any, Any], field: str, text: bytes) -> bytes:
    """Evaluates a text that is a template only in tests with a payload, which version 3 of the schema introduced."""
    return evaluate(text, _payload(request), field) if "payload" in request and b"{{" in text else text


def _payload(request: Mapping[Any, Any]) -> bytes | None:
    text = request.get("payload")
    return None if text is None else _bytes(text, "payload")


def _autocompletes(request: Mapping[Any, Any]) -> bool:
    """Whether go-ftw adds headers and encodes form data: by default it does."""
    value = _truth(request, "autocomplete_headers")
    for name in ("no_autocomplete_headers", "stop_magic"):
        if value is None and (stops := _truth(request, name)) is not None:
            value = not stops
    return value is not False


def _truth(request: Mapping[Any, Any], field: str) -> bool | None:
    value = request.get(field)
    if value is None or isinstance(value, bool):
        return value
    truth = _TRUTH.get(str(value).lower())
    if truth is None:
        raise Unusable(f"its {field} is neither true nor false")
    return truth


def _field(request: Mapping[Any, Any], name: str, default: bytes) -> bytes:
    """Returns the bytes of a field; an empty text is sent as it is, only a missing field has a default."""
    value = request.get(name)
    return default if value is None else _bytes(value, name)


def _bytes(value: Any, field: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return b"%d" % value
    raise Unusable(f"its {field} is not a text")


def _from_base64(value: Any, field: str) -> bytes:
    """Returns the bytes of base64 text; line ends and spaces in it are ignored."""
    try:
        return base64.b64decode(b"".join(_bytes(value, field).split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unusable(f"its {field} is not base64") from None
