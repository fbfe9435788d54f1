"""Decides which requests of a template attack and which only prepare: sign-in, plain GET, set-up."""

import re
from urllib.parse import unquote_to_bytes

from harness import http_request

from .requests import Step

ATTACK, LOGIN, PLAIN_GET, SET_UP = "attack", "login", "plain GET", "set-up"
_PLAIN_HEADERS = frozenset(
    b"host user-agent accept accept-encoding accept-language content-type content-length connection cookie referer "
    b"origin authorization x-requested-with upgrade-insecure-requests cache-control".split()
)
# Patterns that occur in attacks and not in preparing requests; they are matched after percent-decoding.
_SIGNS = re.compile(
    rb"""\.\.+[/\\;] | /etc/ | win\.ini | /proc/ | web-inf | web\.config
    | < \s*+ [a-z!/?%&] | javascript: | (?:alert|prompt|confirm|eval|system|exec|passthru|phpinfo) \s*+ [(`]
    | \b(?:sleep|benchmark|md5|extractvalue|updatexml|waitfor|concat|pg_sleep) \s*+ \(
    | ['"] \s*+ (?:\)|or\b|and\b|--|;|\|\|) | \$\{ | \#\{ | %\{ | \{\{ | \$\( | `
    | [;|&\n] [^\S\n]*+ (?:id|cat|ls|ping|curl|wget|whoami|echo|sleep|nslookup|type|dir|uname)\b
    | \b(?:cat|curl|wget|ping|nslookup|whoami|bash|cmd\.exe)\b [ +/]
    | oast\.example | [=/"'@>] \s*+ (?:https?:)? [/\\]{2} (?!target\.example) [\w.@-]+ \. \w
    | rO0AB | \xac\xed | O:\d+:" | \x00""",
    re.I | re.X | re.S,
)
# A pattern and one that follows somewhere after it: two searches, since one pattern would take quadratic time.
_SIGNS_IN_ORDER = (
    (re.compile(rb"\bunion\b", re.I), re.compile(rb"\bselect\b", re.I)),
    (re.compile(rb"filename=", re.I), re.compile(rb"\.(?:php|jsp|aspx?|phtml|war|jar|svg|html?)", re.I)),
)
_ROUNDS = 3  # of percent-decoding


def roles(steps: list[Step]) -> list[str]:
    """Returns the role of each step.

    Of several steps, those with an attack pattern are attacks, and all others prepare. If none has one, the steps that
    are neither a sign-in nor a plain GET are attacks. A template's only request is its attack.
    """
    candidates = [ATTACK if step.alone else _role(step) for step in steps]
    return [SET_UP if role == "" and ATTACK in candidates else role or ATTACK for role in candidates]


def _role(step: Step) -> str:
    """Returns the role of a step by itself; empty if it depends on the other steps."""
    request = http_request.Request(step.payload)
    headers = b"\n".join(
        request.text(header.value)
        for header in request.headers
        if request.text(header.name).lower() not in _PLAIN_HEADERS or _has_signs(request.text(header.value))
    )
    text = b"\n".join([request.text(request.target), request.text(request.body), headers])
    for _ in range(_ROUNDS):
        text = unquote_to_bytes(text)
    if request.malformed or _has_signs(text):
        return ATTACK
    if step.signs_in:
        return LOGIN
    reads = request.text(request.method) in (b"GET", b"HEAD", b"OPTIONS")
    return PLAIN_GET if reads and request.query[0] == request.query[1] and not request.text(request.body) else ""


def _has_signs(text: bytes) -> bool:
    if _SIGNS.search(text):
        return True
    starts = ((first.search(text), then) for first, then in _SIGNS_IN_ORDER)
    return any(start and then.search(text, start.end()) for start, then in starts)
