"""Reads a file of regression tests into the requests that it sends, in versions 1 to 3 of the schema."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from harness import sources

from . import fields
from .fields import Unusable, mapping
from .labels import excluded, expected, number_in

# Fields whose text is sent. A number, a date or a word such as "yes" among them is sent as it is written.
_SENT = frozenset(
    "method uri uris version headers ordered_headers data payload encoded_data encoded_request raw_request".split()
)

_TEXT, _INTEGER, _OTHER = range(3)  # kinds of values: as written, as written if in plain decimal, changed by reading

# What an integer has that is not written in plain decimal: 010, 0x1F, 1_000, 10:30, +1, -0. Text may have it as well.
_OTHER_NUMBER = re.compile(rb"(?<![0-9.])0[0-9_bx]|[0-9][_:][0-9]|\+[0-9]|-0|!int")


@dataclass(frozen=True)
class Stage:
    """One request of a test: its name, the file's rule and author, and what is sent and expected."""

    sample: str
    rule: str | None
    source: str | None
    request: Mapping[Any, Any]
    output: Any


def load(data: bytes) -> Any:
    """Returns the value of a file; the values of fields that are sent are as they are written, numbers in decimal.

    Raises:
        ValueError: see `sources.safe_yaml.load`.
    """
    document = sources.safe_yaml.load(data)
    parts = [mapping(document).get(name) for name in ("template", "tests")]
    kinds = _kinds_sent(parts)
    if kinds == _TEXT or (kinds == _INTEGER and not _OTHER_NUMBER.search(data)):
        return document
    import yaml

    class TextLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Leaves numbers, dates and truth values as texts; resolves null and merged mappings."""

        yaml_implicit_resolvers = {
            first: [entry for entry in entries if entry[0].endswith((":null", ":merge"))]
            for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return yaml.load(data, Loader=TextLoader)  # size and depth are within the limits, as checked above


def _kinds_sent(parts: list[Any]) -> int:
    """Returns the least plain kind of the values that are sent: `_TEXT`, `_INTEGER` or `_OTHER`."""
    kind = _TEXT
    open_values: list[tuple[Any, bool]] = [(parts, False)]  # mappings and lists, and whether all in them is sent
    for value, all_sent in open_values:  # grows in the loop; the file's size with all aliases expanded is limited
        is_mapping = isinstance(value, dict)
        for name, item in value.items() if is_mapping else ((None, item) for item in value):
            if is_mapping and all_sent and not isinstance(name, str):
                return _OTHER
            sent = all_sent or name in _SENT
            if isinstance(item, dict | list):
                open_values.append((item, sent))
            elif sent and item is not None and not isinstance(item, str | bytes):
                if isinstance(item, bool) or not isinstance(item, int):
                    return _OTHER
                kind = _INTEGER
    return kind


def stages(document: Any, path: str, skip: Callable[[str, str], None]) -> Iterator[Stage]:
    """Yields the requests of a file.

    Args:
        document: the file's value.
        path: of the file; its name may have the number of a rule.
        skip: counts what is left out, by reason and place.

    Raises:
        Unusable: the file has no tests.
    """
    if not isinstance(document, dict) or not isinstance(document.get("tests"), list):
        raise Unusable("not a file of regression tests")
    for name in fields.unknown(document, fields.FILE):
        skip(f"field of a file that is not read: {name!r}", path)
    tests = document["tests"]
    rule, source = _rule(document, path), _author(document)
    prefix = rule or PurePosixPath(path).stem
    seen: set[str] = set()
    for position, test in enumerate(tests, 1):
        name = _name(mapping(test), prefix, position)
        name = f"{name}@{position}" if name in seen else name
        seen.add(name)
        where = f"{path}, test {name}"
        try:
            parts = _parts(test, document.get("template"))
        except Unusable as error:
            skip(f"test: {error}", where)
            continue
        for at, (request, output) in enumerate(parts):
            _count_unread(output, skip, where)
            yield Stage(f"{name}#{at}" if len(parts) > 1 else name, rule, source, request, output)


def _parts(test: Any, template: Any) -> list[tuple[Mapping[Any, Any], Any]]:
    """Returns input and output of each request of a test."""
    if not isinstance(test, dict):
        raise Unusable("not a mapping")
    fields.refuse_unknown("it", test, fields.TEST)
    stages = test.get("stages")
    if stages is None or stages == []:
        if test.get("payload") is None and not (template or test.get("template")):
            raise Unusable("it has no stages")
        return [(_from_template(test, template), test.get("output"))]
    if test.get("payload") is not None:
        raise Unusable("it has both stages and a payload")
    if not isinstance(stages, list):
        raise Unusable("its stages are not a list")
    return [part for stage in stages for part in _of_stage(stage)]


def _of_stage(stage: Any) -> Iterator[tuple[Mapping[Any, Any], Any]]:
    """Yields a request for each URI of a stage; version 1 has one more level, ``stage``."""
    outer = mapping(stage)
    inner = mapping(outer.get("stage")) or outer
    for place in (outer, inner):
        fields.refuse_unknown("its stage", place, fields.STAGE)
    request = mapping(inner.get("input"))
    fields.refuse_unknown("its input", request, fields.INPUT)
    uris = request.get("uris")
    for uri in uris if isinstance(uris, list) and uris else [request.get("uri")]:
        yield {**request, "uri": uri} if request else request, inner.get("output")


def _from_template(test: Mapping[Any, Any], template: Any) -> Mapping[Any, Any]:
    """Returns the input of a test of version 3: the file's template, the test's own fields of it, and its payload."""
    own = test.get("template")
    if not all(isinstance(part, dict) for part in (template, own) if part is not None):
        raise Unusable("its template is not a mapping")
    own = mapping(own)
    request = {**mapping(template), **{name: value for name, value in own.items() if value is not None}}
    fields.refuse_unknown("its template", request, fields.TEMPLATE)
    return {**request, "payload": test.get("payload")}


def _count_unread(output: Any, skip: Callable[[str, str], None], where: str) -> None:
    for place, known in ((mapping(output), fields.OUTPUT), (mapping(mapping(output).get("log")), fields.LOG)):
        for name in fields.unknown(place, known):
            skip(f"field of an output that is not read: {name!r}", where)


def _name(test: Mapping[Any, Any], prefix: str, position: int) -> str:
    """Returns the title of a test, else the rule's number and the test's, which is its position if it has none."""
    if title := test.get("test_title"):
        return str(title)
    number = next((test[name] for name in ("test_id", "id") if test.get(name) not in (None, 0, "0", "")), position)
    return f"{prefix}-{number}"


def _author(document: Mapping[Any, Any]) -> str | None:
    """Returns the first author of a file."""
    author = mapping(document.get("meta")).get("author")
    first = author[0] if isinstance(author, list) and author else author
    return str(first or "").partition(",")[0].strip() or None


def _rule(document: Mapping[Any, Any], path: str) -> str | None:
    """Returns the number of the rule that a file is about.

    The file's name and ``rule_id`` name it. If they differ, one of them has a typing error: then the number that more
    tests expect or exclude is right, or else that of the file's name.
    """
    named = [number_in(PurePosixPath(path).name), number_in(document.get("rule_id"))]
    numbers = [number for number in named if number]
    if len(set(numbers)) == 1:
        return numbers[0]
    tested: Counter[str] = Counter()
    for test in document["tests"]:
        for output in _outputs(mapping(test)):
            try:
                tested.update((*expected(output), *excluded(output)))
            except Unusable:
                continue  # counted when its request is read
    return max(numbers or tested, key=lambda number: tested[number], default=None)


def _outputs(test: Mapping[Any, Any]) -> Iterator[Any]:
    yield test.get("output")
    stages = test.get("stages")
    for stage in stages if isinstance(stages, list) else []:
        outer = mapping(stage)
        yield (mapping(outer.get("stage")) or outer).get("output")
