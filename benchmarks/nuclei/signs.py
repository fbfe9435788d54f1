"""Signs of an attack in a request: text that occurs in attacks, and hardly in requests that only prepare one."""

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from harness import http_request

_ROUNDS = 3  # of percent-decoding
_EXECUTABLE = rb"(?:php\d?|phtml|phar|jspx?|jspf|aspx?|ashx|asmx|war|jar|cgi|svg)"
_PAGES = rb"(?:php\d?|html?|jsp|aspx?|txt|js|css|xml|json|do|action|cgi|png|jpg|ico)"
_COMMANDS = rb"(?:cat|curl|wget|ping|nslookup|whoami|bash|ifconfig|ipconfig|cmd\.exe|powershell)"
# Repetitions are bounded, so that a search takes linear time on any request.
_SIGNS = re.compile(
    rb"""\.\.+[/\\;] | /etc/ | win\.ini | /proc/ | web-inf | web\.config
    | [=:"'] (?:file:/{0,3})? (?:/(?:var|usr|opt|home|root|tmp|sys|windows)/ | [a-z]:[/\\](?![/\\]))
    | < \s{0,9} [a-z!/?%&] | javascript: | (?:alert|prompt|confirm|eval|system|exec|passthru|phpinfo) \s{0,9} [(`]
    | \b union\b .{1,300} \bselect\b
    | \b(?:sleep|benchmark|md5|extractvalue|updatexml|waitfor|concat|pg_sleep) \s{0,9} \(
    | ['"] \s{0,9} (?:\)|or\b|and\b|--|;|\|\|) | = -?\w{0,99} ' (?=[&\s]|\Z)
    | \b(?:or|and) [\s+]{1,9} ['"(]? \w{1,20} ['")]? [\s+]{0,9} [=<>] | \b select \b .{1,300} \b from \b
    | \b from \s{1,9} \w{1,99} \s{0,9} (?:--|;|where\b|/\*)
    | "\$(?:eq|ne|gte?|lte?|n?in|regex|where|func|exists)" | \[\$(?:eq|ne|gte?|lte?|n?in|regex|where)\]
    | \$\{ | \#\{ | %\{ | \{\{ | \$\( | ` | \{ [^{}]{0,99} \d \s{0,9} \* \s{0,9} \d [^{}]{0,99} \}
    | [;|&\n] \s{0,9} (?:id|cat|ls|ping|curl|wget|whoami|echo|sleep|nslookup|type|dir|uname)\b (?!\s{0,9}[=:&])
    | (?:[;|&(\n"'=\s+>] | bin/) """
    + _COMMANDS
    + rb"""(?:[ +/] | (?=[&;|"']|\Z))
    | oast\.(?:example|me|pro|live|site|online|fun) | interact\.sh
    | [=/"'@>\n] (?:https?: [/\\]{0,9} | [/\\]{2,9}) (?!target\.example) (?!\w[\w-]{0,99}\."""
    + _PAGES
    + rb"""\b) [\w@-][\w.@-]{0,99} \. \w
    | [=/"'@>\[] (?:https?:/{0,9})? (?:127\.0\.0\.1|localhost|169\.254\.\d{1,3}\.\d{1,3}|0\.0\.0\.0|\[::1\])
    | "@type" | rO0AB | \xac\xed | \bO:\d{1,9}:" | \x00
    | filename= [^\n]{0,300} \. """
    + _EXECUTABLE
    + rb"""\b | \b(?:file)?name= [^&\s]{0,300} \. """
    + _EXECUTABLE
    + rb"""(?:[:.&;\x00\s]|\Z)""",
    re.I | re.X | re.S,
)
_ENCODED_SEPARATOR = re.compile(rb"%(?:25)*(?:2f|5c|2e)|\\|///", re.I)
_ESCAPE = re.compile(rb"[!\\^]+(?=/)")  # of a separator, as in ``!/etc!/passwd``
_BASE64 = re.compile(rb"(?<![\w+/-])[A-Za-z0-9+/_-]{16,}={0,2}")
_PLAIN_TEXT = re.compile(rb"[\w\s./:=&?,\"{}\[\]@-]*+")
_OPAQUE = re.compile(rb"[\w+=-]{60}")  # longer than any name: encoded or encrypted data
_PLAIN_METHODS = (b"GET", b"HEAD", b"OPTIONS", b"POST")
_PLAIN_HEADERS = frozenset(
    b"host user-agent accept accept-encoding accept-language content-type content-length connection cookie referer "
    b"origin authorization x-requested-with upgrade-insecure-requests cache-control".split()
)


def shows_attack(request: http_request.Request) -> bool:
    """Whether a request has a sign of an attack; one that is not valid HTTP has."""
    if request.malformed or _ENCODED_SEPARATOR.search(request.text(request.path)):
        return True
    # A target behind a line end, so that a pattern may ask for what precedes a host.
    text = b"\n" + _contents(request)
    return any(_SIGNS.search(form) for form in _decoded(text))


def is_plain(request: http_request.Request) -> bool:
    """Whether a request uploads no file and has common headers, and only short words, numbers and paths elsewhere."""
    text = percent_decoded(b"\n".join([request.text(request.target), _body(request)]))
    names = {request.text(header.name).lower() for header in request.headers}
    return (
        request.text(request.method) in _PLAIN_METHODS
        and all(parameter.place != "filename" for parameter in request.body_parameters)
        and names <= _PLAIN_HEADERS
        and _PLAIN_TEXT.fullmatch(text) is not None
        and _OPAQUE.search(text) is None
    )


def _contents(request: http_request.Request) -> bytes:
    """Returns target, body and headers; of common headers, such as cookies, those that show an attack by themselves."""
    headers = [
        request.text(header.value)
        for header in request.headers
        if request.text(header.name).lower() not in _PLAIN_HEADERS or _SIGNS.search(request.text(header.value))
    ]
    return b"\n".join([request.text(request.target), _body(request), *headers])


def _body(request: http_request.Request) -> bytes:
    """Returns the body, of a multipart message the contents and file names of its parts."""
    if request.content_type != b"multipart/form-data" or not request.parts:
        return request.text(request.body)
    return b"\n".join(
        b"filename=" * (part.place == "filename") + request.text(part.value) for part in request.body_parameters
    )


def percent_decoded(text: bytes) -> bytes:
    """Returns the text after several rounds of percent-decoding."""
    for _ in range(_ROUNDS):
        text = unquote_to_bytes(text)
    return text


def _decoded(text: bytes) -> Iterator[bytes]:
    """Yields the text percent-decoded, without escapes of separators, and what is base64 in it."""
    text = percent_decoded(text)
    yield text
    if (bare := _ESCAPE.sub(b"", text)) != text:
        yield bare
    for match in _BASE64.finditer(text):
        try:
            yield base64.b64decode(match[0].rstrip(b"=") + b"==", altchars=None if b"-" not in match[0] else b"-_")
        except binascii.Error:
            continue
