"""Renders the requests of a template to bytes, from raw text or from method, path, headers and body."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .expressions import HOST, Scope, Unknown, resolve
from .functions import to_bytes
from .template import Template

_OWN_ORIGIN = re.compile(rf"https?://{re.escape(HOST)}(?::\d+)?(?=[/?#]|\Z)")
_ORIGIN = re.compile(r"https?://([^/?#\s]+)")
_CREDENTIALS = re.compile(r"\{\{\s*(?:username|password)\s*\}\}")
_ANNOTATION = re.compile(r"(?:@[\w-][^\n]*+\n)++")
_FRAMING_HEADERS = ("content-length", "transfer-encoding")

Skip = Callable[..., None]  # see `SourceTally.skip`


@dataclass(frozen=True)
class Step:
    """One request of a template.

    Attributes:
        number: from 0.
        payload: its bytes.
        alone: whether it is the template's only request.
        signs_in: whether it sends the username or the password.
    """

    number: int
    payload: bytes
    alone: bool
    signs_in: bool


@dataclass(frozen=True)
class _RequestSource:
    """A request before its expressions are replaced: the whole text of a raw request, or else its path."""

    raw: str = ""
    path: str = ""


def steps(template: Template, skip: Skip) -> list[Step]:
    """Returns the requests of a template in order; passes those that cannot be rendered to ``skip``."""
    scope = Scope(template.id, template.variables, template.response_names())
    out = []
    request_sources = list(_request_sources(template, skip))
    for number, (block, source) in enumerate(request_sources):
        where = f"{template.id}, request {number}"
        try:
            scope.payloads = _first_values(block)
            payload, signs_in = _request(block, source, scope)
            out.append(Step(number, payload, len(request_sources) == 1, signs_in))
        except Unknown as error:
            skip(f"request: unknown variable {error}", where)
        except UnicodeEncodeError:
            skip("request: text that cannot be encoded", where)
        except ValueError as error:
            skip(f"request: {error}", where)
    return out


def _request_sources(template: Template, skip: Skip) -> Iterator[tuple[Mapping[str, Any], _RequestSource]]:
    for block in template.blocks:
        raws, paths = (_list(block.get(name)) for name in ("raw", "path"))
        if not raws and not paths:
            skip("block: neither raw nor path", template.id)
        payloads = block.get("payloads")
        for values in payloads.values() if isinstance(payloads, dict) else ():
            if len(_list(values)) > 1:
                skip("payload value: only the first of each list is used", template.id, len(values) - 1)
        yield from ((block, _RequestSource(raw=text)) for text in raws)
        yield from ((block, _RequestSource(path=text)) for text in paths)


def _first_values(block: Mapping[str, Any]) -> dict[str, str]:
    """Returns the first value of each payload list; lists in separate files are not read."""
    payloads = block.get("payloads")
    lists = payloads.items() if isinstance(payloads, dict) else ()
    return {str(name): str(values[0]) for name, values in lists if isinstance(values, list) and values}


def _request(block: Mapping[str, Any], source: _RequestSource, scope: Scope) -> tuple[bytes, bool]:
    """Returns the bytes of a request, and whether it sends the username or the password."""

    def fill(text: object) -> str:
        return resolve(str(text), scope, keep_unknown=bool(block.get("skip-variables-check")))

    if source.raw:
        text = source.raw
        lines, end, last_line = text.lstrip().rpartition("\n")  # an annotation ends with its line
        head, body = _from_raw(fill(_ANNOTATION.sub("", lines + end, count=1) + last_line))
    else:
        text = f"{source.path} {block.get('body', '')}"
        head, body = _from_path(block, fill(source.path), fill)
    if body and not block.get("unsafe") and not _has_framing(head):
        head.append(f"Content-Length: {len(to_bytes(body))}")
    return to_bytes("\r\n".join([*head, "", body])), bool(_CREDENTIALS.search(text))


def _from_raw(text: str) -> tuple[list[str], str]:
    """Splits a raw request into the lines of its head and its body."""
    lines = text.lstrip().split("\n")
    blank = next((at for at, line in enumerate(lines) if not line.strip("\r")), len(lines))
    head = [line.rstrip("\r") for line in lines[:blank]]
    parts = head[0].split(" ") if head else []
    if len(parts) < 2:
        raise ValueError("no request line")
    if parts[1].startswith("http"):
        parts[1] = _own_target(parts[1])
    head[0] = " ".join(parts)
    return head, "\n".join(lines[blank + 1 :]).rstrip("\r\n")


def _from_path(block: Mapping[str, Any], url: str, fill: Callable[[object], str]) -> tuple[list[str], str]:
    """Returns head and body of a request that is described by method, address, headers and body."""
    fields = block.get("headers")
    headers = {str(name): fill(value) for name, value in (fields if isinstance(fields, dict) else {}).items()}
    origin = _ORIGIN.match(url)
    host = {} if any(name.lower() == "host" for name in headers) else {"Host": origin[1] if origin else HOST}
    target = url[origin.end() :] if origin else url
    if not target.startswith(("/", "*")):
        target = f"/{target}"
    line = f"{block.get('method') or 'GET'} {target} HTTP/1.1"
    return [line, *(f"{name}: {value}" for name, value in (host | headers).items())], fill(block.get("body") or "")


def _own_target(target: str) -> str:
    """Returns the path of a target in absolute form that names the tested host; other targets do not change."""
    path = _OWN_ORIGIN.sub("", target, count=1)
    return path if path.startswith("/") else f"/{path}" if path != target else target


def _has_framing(head: list[str]) -> bool:
    return any(line.partition(":")[0].strip().lower() in _FRAMING_HEADERS for line in head[1:])


def _list(value: object) -> list[str]:
    return [str(item) for item in value if item is not None] if isinstance(value, list) else []
