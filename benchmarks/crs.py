"""``crs:PATH``: requests of the OWASP Core Rule Set's regression tests (in the format of go-ftw)."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness import register_benchmark, sources

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
_RESPONSES = range(950, 957)  # families that inspect responses
_MAX_FILE_BYTES = 8 * 2**20  # bytes of a file


class _Skipped(Exception):
    """Raised for a request that is left out; the message is the reason."""


@register_benchmark(
    "crs", summary="requests of the Core Rule Set's regression tests, by rule family, and benign ones", argument="PATH"
)
class CoreRuleSet(sources.SourceBenchmark):
    """A row for each request that a rule must match, or must not match: the latter are benign for that rule."""

    version = 1
    columns = ("sample", "payload", "label", "source", "group.rule")

    def read(self, tree: sources.Tree, tally: sources.SourceTally) -> Iterator[sources.Row]:
        """See `SourceBenchmark.read`."""
        seen: set[str] = set()
        for file in tree.files((".yaml", ".yml"), _MAX_FILE_BYTES, tally):
            try:
                tests = _tests(sources.safe_yaml.load(file.data), file.path)
            except (_Skipped, ValueError) as error:
                tally.skip(f"file: {error}", file.path)
                continue
            for row, stage in tests:
                where = f"{file.path}, test {row['sample']}"
                try:
                    if row["sample"] in seen:
                        raise _Skipped("an earlier test has the same number")
                    seen.add(row["sample"])
                    label = _label(stage.get("output"), row["group.rule"])
                    yield {**row, "label": label, "payload": _payload(stage.get("input"))}
                except _Skipped as error:
                    tally.skip(f"request: {error}", where)


def _tests(document: Any, path: str) -> list[tuple[dict[str, str], Mapping[str, Any]]]:
    """Returns every stage of every test, with the columns that its file and test determine."""
    if not isinstance(document, dict) or not isinstance(document.get("tests"), list):
        raise _Skipped("not a file of regression tests")
    number = re.search(r"\d{6}", f"{document.get('rule_id', '')} {path.rpartition('/')[2]}")
    rule = number[0] if number else ""
    authors = str(_map(document.get("meta")).get("author", "")).split(",")
    out: list[tuple[dict[str, str], Mapping[str, Any]]] = []
    for test in map(_map, document["tests"]):
        stages = test.get("stages")
        stages = [_map(stage) for stage in stages] if isinstance(stages, list) else []
        for at, stage in enumerate(stages):
            name = str(test.get("test_title") or f"{rule}-{test.get('test_id')}")
            sample = f"{name}#{at}" if len(stages) > 1 else name
            row = {"sample": sample, "group.rule": rule, "source": authors[0].strip()}
            out.append((row, _map(stage.get("stage")) or stage))
    return out


def _label(output: Any, rule: str) -> str:
    log = _map(_map(output).get("log"))
    expected = [str(number) for number in log.get("expect_ids") or []]
    expected += re.findall(r"\d{6}", str(_map(output).get("log_contains", "")))
    if not expected:
        if log.get("no_expect_ids") or _map(output).get("no_log_contains"):
            return BENIGN
        raise _Skipped("it neither expects nor excludes a rule")
    families = {int(number[:3]) for number in expected if number[:3].isdigit()}
    if rule in expected:
        families = {int(rule[:3])}
    if families & set(_RESPONSES):
        raise _Skipped("its rule inspects responses")
    labels = {_FAMILIES[family] for family in families if family in _FAMILIES}
    if len(labels) != 1:
        raise _Skipped("its rules belong to several families" if labels else "its rule belongs to no known family")
    return labels.pop()


def _payload(stage_input: Any) -> bytes:
    """Returns the bytes of a request, with the defaults of go-ftw."""
    request = _map(stage_input)
    if base64_text := request.get("encoded_request"):
        try:
            return base64.b64decode(str(base64_text), validate=True)
        except (binascii.Error, ValueError):
            raise _Skipped("its encoded_request is not base64") from None
    if not request:
        raise _Skipped("it has no input")
    headers = {str(name): str(value) for name, value in _map(request.get("headers")).items()}
    body = request.get("data")
    body = "" if body is None else "\r\n".join(map(str, body)) if isinstance(body, list) else str(body)
    names = {name.lower() for name in headers}
    if body and request.get("autocomplete_headers", True):
        if "content-type" not in names:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if not names & {"content-length", "transfer-encoding"}:
            headers["Content-Length"] = str(len(body.encode("utf-8", "surrogatepass")))
    line = f"{request.get('method') or 'GET'} {request.get('uri') or '/'} {request.get('version') or 'HTTP/1.1'}"
    lines = [line, *(f"{name}: {value}" for name, value in headers.items()), "", body]
    return "\r\n".join(lines).encode("utf-8", "surrogatepass")


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
