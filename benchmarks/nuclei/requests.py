"""The requests of a template, each with the bytes that the scanner sends.

Line ends follow github.com/projectdiscovery/nuclei, ``pkg/protocols/http/http.go`` (``Compile``), and raw requests
``raw/raw.go``; ``docs/sources.md`` lists what differs from the scanner's requests on purpose.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .expressions import HOST, Scope, resolve
from .message import Message, from_address, from_raw
from .template import Template
from .values import Unknown, to_bytes, to_string

_CREDENTIALS = re.compile(r"\{\{[^{}]*\b(?:username|password)\b[^{}]*\}\}")
_ANNOTATIONS = re.compile(r"(?:@[^\n]*+\n)++")

_MAX_TEMPLATE_BYTES = 64 * 2**20  # of all requests of a template
Skip = Callable[..., None]  # see `SourceTally.skip`


@dataclass(frozen=True)
class Step:
    """One request of a template.

    Attributes:
        number: from 0.
        payload: its bytes.
        signs_in: whether it sends the scanner's username or password.
    """

    number: int
    payload: bytes
    signs_in: bool


@dataclass(frozen=True)
class _RequestSource:
    """A request before its expressions are replaced: the whole text of a raw request, or else its address."""

    raw: str | None = None
    address: str = ""


def steps(template: Template, skip: Skip) -> list[Step]:
    """Returns the requests of a template in order; passes those that cannot be rendered to ``skip``."""
    scope = Scope(template.id, template.variables, template.response_names())
    out: list[Step] = []
    total = 0
    for number, (block, source) in enumerate(_request_sources(template, skip)):
        where = f"{template.id}, request {number}"
        try:
            scope.enter(_first_values(block), bool(block.get("skip-variables-check")))
            payload, signs_in = _request(block, source, scope)
            total += len(payload)
            if total > _MAX_TEMPLATE_BYTES:
                raise ValueError(f"the template's requests take more than {_MAX_TEMPLATE_BYTES >> 20} MiB")
            out.append(Step(number, payload, signs_in))
        except UnicodeEncodeError:
            skip("request: text that cannot be encoded", where)
        except (Unknown, ValueError) as error:
            skip(f"request: {error}", where)
    return out


def _request_sources(template: Template, skip: Skip) -> Iterator[tuple[Mapping[str, Any], _RequestSource]]:
    for block in template.blocks:
        raws, addresses = (_list(block.get(name)) for name in ("raw", "path"))
        if not raws and not addresses:
            skip("block: neither raw nor path", template.id)
        count = sum(max(len(values) - 1, 0) for values in _payload_lists(block).values())
        if count:
            skip("payload value: only the first of each list is used", template.id, count)
        yield from ((block, _RequestSource(raw=text)) for text in raws)
        yield from ((block, _RequestSource(address=text)) for text in addresses)


def _payload_lists(block: Mapping[str, Any]) -> dict[str, list[object]]:
    """Returns the values of each payload list: a list, or the lines of a text; lists in separate files are not read."""
    lists = block.get("payloads")
    out: dict[str, list[object]] = {}
    for name, values in lists.items() if isinstance(lists, dict) else ():
        if isinstance(values, list):
            out[str(name)] = values
        elif isinstance(values, str) and "\n" in values:
            out[str(name)] = [*values.split("\n")]
    return out


def _first_values(block: Mapping[str, Any]) -> dict[str, object]:
    return {name: values[0] for name, values in _payload_lists(block).items() if values}


def _request(block: Mapping[str, Any], source: _RequestSource, scope: Scope) -> tuple[bytes, bool]:
    """Returns the bytes of a request, and whether it sends the username or the password."""
    body = _line_ends(to_string(block.get("body")))
    signs_in = _CREDENTIALS.search(f"{source.raw} {source.address} {body}") is not None
    if source.raw is None:
        method = resolve(to_string(block.get("method") or "GET"), scope)
        message = from_address(method, resolve(source.address, scope))
    else:
        text = _line_ends(source.raw if block.get("unsafe") else source.raw.lstrip("\r\n"))
        annotations = _ANNOTATIONS.match(text)
        text = resolve(text[annotations.end() if annotations else 0 :], scope)
        if block.get("unsafe"):
            return to_bytes(text), signs_in
        message = from_raw(text)
    _complete(message, block, resolve(body, scope), scope)
    return message.to_bytes(), signs_in


def _complete(message: Message, block: Mapping[str, Any], body: str, scope: Scope) -> None:
    """Adds what the block says for all of its requests, and what the scanner's HTTP client adds."""
    headers = block.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        message.headers[str(name)] = resolve(to_string(value), scope)
    message.body = body or message.body
    message.add_host(HOST)
    message.add_length()


def _line_ends(text: str) -> str:
    """Returns the text with CR LF at the end of each line if it has none anywhere."""
    return text if "\r\n" in text else text.replace("\n", "\r\n")


def _list(value: object) -> list[str]:
    return [to_string(item) for item in value if item is not None] if isinstance(value, list) else []
