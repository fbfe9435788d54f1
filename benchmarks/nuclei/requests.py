"""The requests of a template as bytes: raw ones as they are written, path-style ones spelt out."""

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
_ANNOTATION = re.compile(r"(?:@[\w-]+:?[^\n]*\n)+")
_LENGTH_KNOWN = ("content-length", "transfer-encoding")

Skip = Callable[..., None]  # see `SourceTally.skip`


@dataclass(frozen=True)
class Step:
    """One request of a template.

    Attributes:
        number: from 0.
        payload: its bytes.
        alone: whether the template has no other one.
        signs_in: whether it sends the user's name or password.
    """

    number: int
    payload: bytes
    alone: bool
    signs_in: bool


@dataclass(frozen=True)
class _Written:
    """A request before its expressions are replaced: of a raw one the whole text, else its parts."""

    raw: str = ""
    path: str = ""


def steps(template: Template, skip: Skip) -> list[Step]:
    """Returns the requests of a template in their order; those that cannot be made are counted."""
    scope = Scope(template.id, template.variables, template.extracted())
    out = []
    all_written = list(_written(template, skip))
    for number, (block, written) in enumerate(all_written):
        where = f"{template.id}, request {number}"
        try:
            scope.payloads = _first_values(block)
            payload, signs_in = _request(block, written, scope)
            out.append(Step(number, payload, len(all_written) == 1, signs_in))
        except Unknown as error:
            skip(f"request: unknown variable {error}", where)
        except UnicodeEncodeError:
            skip("request: text that no encoding has", where)
        except ValueError as error:
            skip(f"request: {error}", where)
    return out


def _written(template: Template, skip: Skip) -> Iterator[tuple[Mapping[str, Any], _Written]]:
    for block in template.blocks:
        raws, paths = (_list(block.get(name)) for name in ("raw", "path"))
        if not raws and not paths:
            skip("block: no request of its own", template.id)
        payloads = block.get("payloads")
        for values in payloads.values() if isinstance(payloads, dict) else ():
            if len(_list(values)) > 1:
                skip("payload value: only the first of each list is used", template.id, len(values) - 1)
        yield from ((block, _Written(raw=text)) for text in raws)
        yield from ((block, _Written(path=text)) for text in paths)


def _first_values(block: Mapping[str, Any]) -> dict[str, str]:
    """Returns the first value of each payload list; a list in a file of its own has none here."""
    payloads = block.get("payloads")
    lists = payloads.items() if isinstance(payloads, dict) else ()
    return {str(name): str(values[0]) for name, values in lists if isinstance(values, list) and values}


def _request(block: Mapping[str, Any], written: _Written, scope: Scope) -> tuple[bytes, bool]:
    """Returns the bytes of a request, and whether it sends the user's name or password."""

    def filled(text: object) -> str:
        return resolve(str(text), scope, keep_unknown=bool(block.get("skip-variables-check")))

    if written.raw:
        text = written.raw
        head, body = _of_raw(filled(_ANNOTATION.sub("", text.lstrip(), count=1)))
    else:
        text = f"{written.path} {block.get('body', '')}"
        head, body = _of_path(block, filled(written.path), filled)
    if body and not block.get("unsafe") and not _sized(head):
        head.append(f"Content-Length: {len(to_bytes(body))}")
    return to_bytes("\r\n".join([*head, "", body])), bool(_CREDENTIALS.search(text))


def _of_raw(text: str) -> tuple[list[str], str]:
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


def _of_path(block: Mapping[str, Any], url: str, filled: Callable[[object], str]) -> tuple[list[str], str]:
    """Spells out a request that is given as method, address, headers and body."""
    headers = block.get("headers")
    given = {str(name): filled(value) for name, value in (headers if isinstance(headers, dict) else {}).items()}
    origin = _ORIGIN.match(url)
    host = {} if any(name.lower() == "host" for name in given) else {"Host": origin[1] if origin else HOST}
    target = url[origin.end() :] if origin else url
    if not target.startswith(("/", "*")):
        target = f"/{target}"
    line = f"{block.get('method') or 'GET'} {target} HTTP/1.1"
    return [line, *(f"{name}: {value}" for name, value in (host | given).items())], filled(block.get("body") or "")


def _own_target(target: str) -> str:
    """A target in absolute form that names the tested host becomes the path alone."""
    path = _OWN_ORIGIN.sub("", target, count=1)
    return path if path.startswith("/") else f"/{path}" if path != target else target


def _sized(head: list[str]) -> bool:
    return any(line.partition(":")[0].strip().lower() in _LENGTH_KNOWN for line in head[1:])


def _list(value: object) -> list[str]:
    return [str(item) for item in value if item is not None] if isinstance(value, list) else []
