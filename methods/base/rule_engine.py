"""Runs the rules of a folder over payloads with libmodsecurity, in this process."""

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from harness import UserError, http_request

from .secrules import RuleFile, RuleFolder

if TYPE_CHECKING:
    from libmodsecurity import RulesSet

REQUIRES = ("libmodsecurity",)
_SETTINGS = b"SecRuleEngine On\nSecRequestBodyAccess On\nSecAuditEngine Off\n"
_CLIENT, _SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 80)  # RFC 5737
# Headers for a payload that is not an HTTP request: its parameters are decoded, and no rule on protocols matches.
_FORM = (
    (b"Host", b"target.example"),
    (b"User-Agent", b"Mozilla/5.0"),
    (b"Accept", b"*/*"),
    (b"Content-Type", b"application/x-www-form-urlencoded"),
)


class Match(NamedTuple):
    """A rule that matched a payload.

    Attributes:
        rule: its id.
        severity: 0 (emergency, or none stated) to 7 (debug).
        tags: its tags, such as ``attack-sqli``.
    """

    rule: int
    severity: int
    tags: tuple[str, ...]


class Engine:
    """The rules of a folder, compiled.

    Raises:
        UserError: libmodsecurity cannot read a rule; the message names file and line.
    """

    def __init__(self, folder: RuleFolder) -> None:
        from libmodsecurity import RulesSet

        self._rules = RulesSet()
        self._rules.load(_SETTINGS.decode())
        loaded = sum(_load(self._rules, file) for file in folder.files)
        if not loaded:
            raise UserError(f"{folder.files[0].path.parent} has no rules.")

    def matches(self, payload: bytes) -> list[Match]:
        """Returns the matches of a payload's request, in the order of evaluation; each rule at most once.

        A rule that denies the request ends the evaluation. Rules on responses are not evaluated.
        """
        with _transaction(self._rules) as transaction:
            _feed(transaction, payload)
            return [
                Match(message.rule_id, message.severity, tuple(message.tags))
                for message in transaction.get_rule_messages()
            ]


def _load(rules: "RulesSet", file: RuleFile) -> int:
    """Loads the rules of a file and returns their number."""
    given: Any = file.text  # bytes, which need not be UTF-8; the binding takes them, but its types name str alone
    count = rules.load(given)
    if count < 0:
        message = " ".join(rules.get_parser_error().split()) or "libmodsecurity cannot read it"
        raise UserError(f"{file.path}, line {_line(file, message)}: {_reason(message)}.")
    return count


def _line(file: RuleFile, message: str) -> int:
    """Returns the line that an error of libmodsecurity is about; that of a duplicate id is looked up."""
    if named := re.search(r"\bline: (\d+)", message, re.I):
        return file.line_of(int(named[1]))
    duplicate = re.search(r"Rule id: (\d+)", message)
    ids = re.finditer(rb"\bid:'?%s\b" % duplicate[1].encode(), file.text) if duplicate else iter(())
    return max((file.text.count(b"\n", 0, match.start()) + 1 for match in ids), default=1)


def _reason(message: str) -> str:
    """Returns what an error of libmodsecurity says beside the place, without the paths that it tried."""
    text = re.sub(r"(?:\.? ?File: \S.*?)?(?:[. ]*\b(?:at )?(?:Line|Column): \d+)+\.?", ":", message, flags=re.I)
    text = text.replace("Rules error:", "").partition("Looking at")[0]
    return text.strip(" .:")[:200] or "libmodsecurity cannot read it"


@contextlib.contextmanager
def _transaction(rules: "RulesSet") -> Iterator[Any]:
    """Yields a transaction of an engine of its own: collections such as IP counters would pass on to other payloads."""
    from libmodsecurity import ModSecurity, Transaction

    engine = ModSecurity()
    engine.set_log_callback(_ignore)  # without one, the library writes to standard output
    try:
        yield Transaction(engine, rules)
    finally:
        engine.set_log_callback(None)  # otherwise the registry of callbacks keeps it until the process ends


def _ignore(line: str) -> None:
    """Takes a line of the server's log; `Engine.matches` reads what rules matched from the transaction."""


def _feed(transaction: Any, payload: bytes) -> None:
    """Passes a request through the phases of a transaction, until a rule denies it."""
    request = http_request.Request(payload)
    headers: list[tuple[bytes, bytes]]
    if request.malformed:
        target, method, version = b"/", b"POST", b"1.1"
        headers = [*_FORM, (b"Content-Length", b"%d" % len(payload))]
    else:
        target, method = request.text(request.target), request.text(request.method)
        version = request.text(request.version).rpartition(b"/")[2] or b"0.9"
        headers = [(request.text(header.name), request.text(header.value)) for header in request.headers]
    transaction.process_connection(*_CLIENT, *_SERVER)
    # The binding would cut the target at a NUL byte.
    transaction.process_uri(target.replace(b"\0", b"%00"), method, version)
    for name, value in headers:
        transaction.add_request_header(name, value)
    transaction.process_request_headers()
    if _is_denied(transaction):
        return
    transaction.append_request_body(request.text(request.body))
    transaction.process_request_body()


def _is_denied(transaction: Any) -> bool:
    intervention = transaction.intervention()
    return intervention is not None and bool(intervention.disruptive)
