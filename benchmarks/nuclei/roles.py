"""Which steps of a template are attacks, and which only help: sign in, look up, set up."""

import re
from urllib.parse import unquote_to_bytes

from harness import http_request

from .requests import Step

ATTACK, LOGIN, LOOK, SET_UP = "attack", "login", "plain GET", "set-up"
_PLAIN_HEADERS = frozenset(
    b"host user-agent accept accept-encoding accept-language content-type content-length connection cookie referer "
    b"origin authorization x-requested-with upgrade-insecure-requests cache-control".split()
)
# What no request needs that only looks or sets up; percent-encoding is undone before.
_SIGNS = re.compile(
    rb"""\.\.+[/\\;] | /etc/ | win\.ini | /proc/ | web-inf | web\.config
    | < \s* [a-z!/?%&] | javascript: | (?:alert|prompt|confirm|eval|system|exec|passthru|phpinfo) \s* [(`]
    | \b union\b .* \bselect\b | \b(?:sleep|benchmark|md5|extractvalue|updatexml|waitfor|concat|pg_sleep) \s* \(
    | ['"] \s* (?:\)|or\b|and\b|--|;|\|\|) | \$\{ | \#\{ | %\{ | \{\{ | \$\( | `
    | [;|&\n] \s* (?:id|cat|ls|ping|curl|wget|whoami|echo|sleep|nslookup|type|dir|uname)\b
    | \b(?:cat|curl|wget|ping|nslookup|whoami|bash|cmd\.exe)\b [ +/]
    | oast\.example | [=/"'@>] \s* (?:https?:)? [/\\]{2} (?!target\.example) [\w.@-]+ \. \w
    | rO0AB | \xac\xed | O:\d+:" | filename= .* \.(?:php|jsp|aspx?|phtml|war|jar|svg|html?)\w* | \x00""",
    re.I | re.X | re.S,
)
_ROUNDS = 3  # of decoding


def roles(steps: list[Step]) -> list[str]:
    """Returns each step's role.

    Of several steps, those that show an attack are attacks, and all others help. Where none shows one, those are
    attacks that are neither a sign-in nor a plain GET. A template's only request is its attack.
    """
    found = [ATTACK if step.alone else _role(step) for step in steps]
    return [SET_UP if role == "" and ATTACK in found else role or ATTACK for role in found]


def _role(step: Step) -> str:
    parsed = http_request.Request(step.payload)
    odd = b"\n".join(
        parsed.text(header.value)
        for header in parsed.headers
        if parsed.text(header.name).lower() not in _PLAIN_HEADERS or _SIGNS.search(parsed.text(header.value))
    )
    shown = b"\n".join([parsed.text(parsed.target), parsed.text(parsed.body), odd])
    for _ in range(_ROUNDS):
        shown = unquote_to_bytes(shown)
    if parsed.malformed or _SIGNS.search(shown):
        return ATTACK
    if step.signs_in:
        return LOGIN
    reads = parsed.text(parsed.method) in (b"GET", b"HEAD", b"OPTIONS")
    return LOOK if reads and parsed.query[0] == parsed.query[1] and not parsed.text(parsed.body) else ""
