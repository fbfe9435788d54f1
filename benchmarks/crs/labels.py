"""Classes of regression tests: by the rules that a test expects, one class for equal bytes."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from harness import sources, taxonomy

from .fields import Unusable, mapping

BENIGN = "benign"
# The first three digits of a rule's number are its family; a family of one threat class has the name of that class.
_FAMILIES = {
    911: "method-enforcement",
    913: "scanner",
    920: "protocol-enforcement",
    921: "protocol-attack",
    922: "multipart-attack",
    930: "path-traversal",
    931: "path-traversal",
    932: "command-injection",
    933: "code-injection",
    934: "generic-attack",
    941: "cross-site-scripting",
    942: "sql-injection",
    943: "session-fixation",
    944: "java-attack",
}
# Rules of a mixed family that are about one threat class.
_RULES = {
    934110: "server-side-request-forgery",
    934120: "server-side-request-forgery",
    934180: "template-injection",
    934190: "server-side-request-forgery",
}
_RESPONSES = range(950, 957)  # families that inspect responses
_LISTED_NUMBER = re.compile("[0-9]{1,9}")
_NUMBER = re.compile(r"(?<!\d)\d{6,7}(?!\d)", re.ASCII)  # rules of plug-ins have seven digits


def number_in(text: Any) -> str | None:
    """Returns the first rule number in a text; None if there is none."""
    found = _NUMBER.search(str(text))
    return found[0] if found else None


def expected(output: Any) -> list[str]:
    """Returns the numbers of the rules that must match.

    Raises:
        Unusable: a list of numbers is something else.
    """
    return _named(output, "")


def excluded(output: Any) -> list[str]:
    """Returns the numbers of the rules that must not match; raises as `expected`."""
    return _named(output, "no_")


def _named(output: Any, prefix: str) -> list[str]:
    fields = mapping(output)
    log = mapping(fields.get("log"))
    texts = (log.get(f"{prefix}match_regex"), fields.get(f"{prefix}log_contains"))
    numbers = [number for text in texts if text for number in _NUMBER.findall(str(text))]
    return [*_listed(log, f"{prefix}expect_id"), *_listed(log, f"{prefix}expect_ids"), *numbers]


def label(output: Any, rule: str | None) -> str:
    """Returns the class of a request.

    Args:
        output: what the test expects.
        rule: number of the rule that its file is about.

    Raises:
        Unusable: the expected rules determine no class.
    """
    rules, fields = expected(output), mapping(output)
    if not rules:
        log = mapping(fields.get("log"))
        if excluded(output) or log.get("no_match_regex") or fields.get("no_log_contains"):
            return BENIGN
        if log.get("match_regex") or fields.get("log_contains"):
            raise Unusable("the log text that it expects names no rule")
        raise Unusable("it neither expects nor excludes a rule")
    numbers = {int(number) for number in ([rule] if rule in rules else rules)}
    if any(number // 1000 in _RESPONSES for number in numbers):
        raise Unusable("its rule inspects responses")
    labels = {_RULES.get(number) or _FAMILIES.get(number // 1000) for number in numbers} - {None}
    if len(labels) != 1:
        raise Unusable("its rules belong to several families" if labels else "its rule belongs to no known family")
    return str(labels.pop())


def one_label_per_payload(rows: Iterable[tuple[sources.Row, str]], tally: sources.SourceTally) -> Iterator[sources.Row]:
    """Yields rows, each with its place, so that equal bytes have one class; counts the others.

    A rule of a strict paranoia level matches what is benign for another rule, so an attack wins against benign. A
    threat class wins against a family of rules, such as protocol-enforcement.
    """
    rows = list(rows)
    labels_of: dict[bytes, set[str]] = {}
    for row, _ in rows:
        labels_of.setdefault(row["payload"], set()).add(row["label"])
    for row, place in rows:
        labels = labels_of[row["payload"]]
        if len(labels) == 1:
            yield row
            continue
        rank = max(map(_rank, labels))
        if sum(_rank(name) == rank for name in labels) > 1:
            tally.skip("request: its bytes are an attack of several classes", place)
        elif _rank(row["label"]) == rank:
            yield row
        elif row["label"] == BENIGN:
            tally.skip("request: benign for its rule, and byte for byte an attack in another test", place)
        else:
            tally.skip("request: byte for byte an attack of a threat class in another test", place)


def _rank(name: str) -> int:
    return 0 if name == BENIGN else 2 if name in taxonomy.ANCHORS else 1


def _listed(log: Any, field: str) -> list[str]:
    """Returns the rule numbers of a field, which may be a single number."""
    value = log.get(field)
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    numbers = ["" if isinstance(number, bool) else str(number).strip() for number in values]
    if not all(map(_LISTED_NUMBER.fullmatch, numbers)):
        raise Unusable(f"its {field} is not a list of rule numbers")
    return numbers
