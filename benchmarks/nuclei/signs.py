"""Signs of an attack in a request: text that occurs in attacks, and hardly in requests that only prepare one."""

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from harness import http_request

from . import expressions

_HOST = expressions.HOST.encode()
_ROUNDS = 3  # of percent-decoding
_EXECUTABLE = rb"(?:php\d?|pht|phtml|phar|jspx?|jspf|aspx?|ashx|asmx|asa|cer|cfm|shtml|war|jar|cgi|svg)"
_PAGES = rb"(?:php\d?|html?|jsp|aspx?|txt|js|css|xml|json|do|action|cgi|png|jpg|ico)"
_COMMANDS = rb"(?:cat|curl|wget|ping|nslookup|whoami|bash|ifconfig|ipconfig|cmd\.exe|powershell)"
_SHORT_COMMANDS = rb"(?:id|cat|ls|ping|curl|wget|whoami|echo|sleep|nslookup|type|dir|uname|pwd)"
_NAME = rb"[\w.-]{0,99}+ (?:\[[^\]\s]{0,99}+\]){0,9}+ \s{0,9}+"  # the rest of the name of a field, such as ``id[0]``
# Repetitions are bounded, so that a search takes linear time on any request.
_SIGNS = re.compile(
    rb"""
    # paths and files
    \.\. (?:[/\\;] | \xc0 | \xe0\x80 | \xef\xbc | %u | 0x[25]) | \xc0[\xae\xaf] | [=/\\] \.{2,9} (?=[\s&"]|\Z)
    | [=:"'] /etc (?=[\s&"']|\Z) | = \\ \w
    | /etc/ | \b etc [/\\]{1,9} (?:passwd|shadow|hosts|group) \b
    | (?:win|boot)\.ini | system32 | /proc/ | web-inf | web\.config | wp-config | \.htpasswd
    | = [\w./-]{0,99} config(?:uration)?\.php
    | [=:"'] (?:file:/{0,3})? (?:/(?:var|usr|opt|home|root|tmp|sys|windows)/ | [a-z]:[/\\](?![/\\]))
    # markup and scripts
    | < \s{0,9} [a-z!/?%&#] | javascript: | vbscript: | \\u003c | \+ADw-
    | ["'\s/+] on(?:error|load|click|focus|toggle|mouse\w{1,9}|animation\w{1,9}) \s{0,9} =
    | \b document\.(?:domain|cookie|location|write)
    # calls, in scripts and in code
    | (?:alert|prompt|confirm|eval|system|exec|passthru|phpinfo) \s{0,9} [(`]
    | \b(?:print|printf|print_r|var_dump|assert|die|popen|shell_exec|file_(?:put|get)_contents|base64_decode) \(
    | \b(?:require|execute|getruntime) \( | =php(?:info|credits) \b
    | call_user_func | invokefunction | __construct | __import__ | child_process
    | \b java\.(?:lang|util|io|net)\. | \b javax\.(?:script|naming|management)\. | \b com\.sun\. | processbuilder
    | classloader | _memberaccess
    # SQL and NoSQL
    | \b union\b .{1,300} \bselect\b
    | \b(?:sleep|benchmark|md5|extractvalue|updatexml|waitfor|concat|pg_sleep) \s{0,9} \(
    | \b(?:load_file|cha?r|randomblob|analyse|substr(?:ing)?|ascii|unhex|gtid_subset) \s{0,9} \(
    | xp_cmdshell | information_schema | \b into [\s+]{1,9} (?:out|dump)file \b
    | \b(?:version|database)\(\) | \b(?:dbms|utl)_\w{1,30}\.\w
    | \b waitfor [\s+]{1,9} delay \b | \b order [\s+]{1,9} by [\s+]{1,9} \d | \b case [\s+]{1,9} when \b | /\*\*/
    | ['"] [\s+]{0,9} (?:\) | (?:or|and)\b (?!["']\s{0,9}[:,\]}]) | --|;|\|\|)
    | [=/] -?\w{0,99} '{1,2} (?=[&\s/]|\Z) | "-?\w{0,99}'"
    | \b(?:or|and) [\s+]{1,9} ['"(]? \w{1,20} ['")]? [\s+]{0,9} [=<>] | \b select \b (?!=) .{1,300} \b from \b
    | \b from [\s+]{1,9} \w{1,99} \s{0,9} (?:--|;|where\b|/\*)
    | "\$(?:eq|ne|gte?|lte?|n?in|regex|where|func|exists)\\?" | \[\$(?:eq|ne|gte?|lte?|n?in|regex|where)\]
    # LDAP
    | \*\)\( | \) \s{0,3} \( [|&!]? \(? \w{1,30} =
    # templates and expressions
    | \$\{ | \#\{ | %\{ | \{\{ | \{% | \$\( | ` | @\( | \#set \s{0,9} \(
    | \{ [^{}]{0,99} \d \s{0,9} \* \s{0,9} \d [^{}]{0,99} \} | \{(?:if|php)\b | = \d{2,9} \* \d{2,9} (?=[\s&]|\Z)
    # commands
    | [;|] [\s+]{0,9} (?: """
    + _SHORT_COMMANDS
    + rb""" \b (?! """
    + _NAME
    + rb""" [=:]) | (?:nc|sh|expr|touch|busybox|perl|python\d?) [\s+])
    | \| [\s+]{0,9} (?:base64|sh|bash) \b
    | [&\n] [\s+]{0,9} """
    + _SHORT_COMMANDS
    + rb""" \b (?! """
    + _NAME
    + rb""" [=:&])
    | (?:[;|&(\n"'=\s+>] | bin/) """
    + _COMMANDS
    + rb"""(?:[ +/] | (?=[&;|"']|\Z))
    | \b (?:cmd|command|exec|execute|shell) ["']? \s{0,9} [=:] \s{0,9} ["']? (?:id|ls|dir|pwd|uname) (?=[\s+&;|"']|\Z)
    | ["'=\s+] -c [\s+]{1,9} (?:id|ls|pwd|uname) \b | \b LD_(?:DEBUG|PRELOAD|LIBRARY_PATH) \b
    # other hosts, and the tested one
    | oast\.(?:example|me|pro|live|site|online|fun) | interact\.sh
    | \b(?:php|phar|expect|gopher|dict|ldaps?|rmi|netdoc|zip|ftp):// | \b jar:\w{1,9}: | \b data: (?://)? text/
    | [=/"'@>\n] (?:https?: [/\\]{0,9} | [/\\]{2,9}) (?!target\.example) (?!\w[\w-]{0,99}\."""
    + _PAGES
    + rb"""\b) [\w@-][\w.@-]{0,99} \. \w
    | [=/"'@>\[] (?:https?:/{0,9})? (?:127\.0\.0\.1|localhost|169\.254\.\d{1,3}\.\d{1,3}|0\.0\.0\.0|\[::1\])
    | [=/"'] https?:// (?:\[|\d{8,10}\b|0x[0-9a-f]|0[:/]) | \?@\w
    | \n (?:set-cookie|location):
    # serialized objects
    | "@type" | rO0AB | \xac\xed | aced0005 | AAEAAAD/{3} | \bO:\d{1,9}:" | \x00
    | !!(?:javax?|com|org|sun|python|ruby)\b | \b c(?:os|posix|subprocess|builtins)\n
    # uploads
    | filename= [^\n]{0,300} \. """
    + _EXECUTABLE
    + rb"""\b | "(?:(?:file|new)?_?name|to)" \s{0,9} : \s{0,9} "[^"]{0,300} \. """
    + _EXECUTABLE
    + rb"""" | \b(?:file)?name= [^&\s]{0,300} \. """
    + _EXECUTABLE
    + rb"""(?:[:.&;\x00\s]|\Z)""",
    re.I | re.X | re.S,
)
_ENCODED_SEPARATOR = re.compile(rb"%(?:25)*(?:2f|5c|2e)|\\|///", re.I)
_EXECUTABLE_PATH = re.compile(rb"\." + _EXECUTABLE + rb"/?\Z", re.I)
_ESCAPE = re.compile(rb"[!\\^]+(?=/)")  # of a separator, as in ``!/etc!/passwd``
_BASE64 = re.compile(rb"(?<![\w+/-])[A-Za-z0-9+/_-]{12,}={0,2}")
_MIN_BASE64 = 12
_READABLE = bytes([0, 9, 10, 13, *range(32, 127)])  # also NUL, for UTF-16 and private fields of PHP
_PLAIN_TEXT = re.compile(rb"[\w\s./:=&?,\"{}\[\]@-]*+")
_JOINT = re.compile(rb"(?<=[A-Za-z/])[+!](?=[A-Za-z/])")  # between words: a space, and the method of an action
_OPAQUE = re.compile(rb"[\w+=-]{60}")  # longer than any name: encoded or encrypted data
_PLAIN_METHODS = (b"GET", b"HEAD", b"OPTIONS", b"POST")
_PLAIN_HEADERS = frozenset(
    b"host user-agent accept accept-encoding accept-language content-type content-length connection cookie referer "
    b"origin authorization x-requested-with upgrade-insecure-requests cache-control pragma keep-alive dnt te priority "
    b"if-modified-since if-none-match x-csrf-token x-csrftoken x-xsrf-token".split()
)
_BROWSER_HEADERS = (b"sec-fetch-", b"sec-ch-", b"sec-gpc")  # client hints have quotes and semicolons of their own
_QUOTED = re.compile(rb'="[\w.:/+-]*+"')  # a quoted value of a cookie or of a parameter of a header
_PART_HEAD = re.compile(
    rb'^(?:content-disposition:[^\r\n"]*+"[^\r\n"]*+"(?:; (filename="[^\r\n]*+))?|--[^\r\n]*+)', re.I | re.M
)
# An address of the user who is registered: the scanner's own host is common there.
_MAIL = re.compile(
    rb"""(?:mail\w{0,30}["']?\s?[=:]\s?["']? | (?<=\n)(?!target\.example@))
    [\w.+-]{1,64}+ @ [\w.-]{1,99}+ (?=[&"'\s,}]|\Z)""",
    re.I | re.X,
)
# What sign-ins hold that looks like a sign elsewhere: the tags of XML, a quote that ends the arguments of a GraphQL
# call, and the page of the tested host to go to next.
_TAG = re.compile(rb"""<\?xml[^<>]*+>|</?[\w:.-]++(?:\s++[\w:.-]++=(?:"[^"<&]*+"|'[^'<&]*+'))*+\s*+/?>""")
_SIGN_IN_FIELD = re.compile(
    rb"""\\"\s{0,9}\) | \b(?:redirect|return|next|goto|dest)\w{0,20}["']{0,2}\s?[=:]\s?["']?
    (?:https?://(?:localhost|127\.0\.0\.1)(?::\d{1,5})?(?=[/&"'\s]|\Z) | (?=/home/))""",
    re.I | re.X,
)


def shows_attack(request: http_request.Request, signs_in: bool = False) -> bool:
    """Whether a request has a sign of an attack; one that is not valid HTTP has.

    Args:
        request: the request.
        signs_in: whether it sends credentials. The tags of XML, the end of a GraphQL call and a next page of the tested
            host are then ignored.
    """
    path = request.text(request.path)
    if request.malformed or _ENCODED_SEPARATOR.search(path):
        return True
    if request.text(request.method) in (b"PUT", b"MOVE", b"COPY") and _EXECUTABLE_PATH.search(path):
        return True
    # A target behind a line end, so that a pattern may ask for what precedes a host.
    text = _MAIL.sub(b" ", percent_decoded(b"\n" + _contents(request)))
    if signs_in:
        text = _SIGN_IN_FIELD.sub(b" ", _TAG.sub(b" ", text) if _is_xml(request) else text)
    return any(_SIGNS.search(form) for form in _forms(text))


def _is_xml(request: http_request.Request) -> bool:
    return b"xml" in (request.content_type or b"") or request.text(request.body).lstrip().startswith(b"<?xml")


def is_plain(request: http_request.Request) -> bool:
    """Whether a request consists of plain words.

    It uploads no file, goes to the tested host, and has common headers and only short words, numbers and paths
    elsewhere.
    """
    text = _JOINT.sub(b" ", percent_decoded(b"\n".join([request.text(request.target), _body(request)])))
    headers = [(request.text(header.name).lower(), request.text(header.value)) for header in request.headers]
    return (
        request.text(request.method) in _PLAIN_METHODS
        and all(parameter.place != "filename" for parameter in request.body_parameters)
        and all(name in _PLAIN_HEADERS or name.startswith(_BROWSER_HEADERS) for name, _ in headers)
        and all(name != b"host" or _HOST in value for name, value in headers)
        and _PLAIN_TEXT.fullmatch(text) is not None
        and _OPAQUE.search(text) is None
    )


def _contents(request: http_request.Request) -> bytes:
    """Returns target, body and headers; of common headers, such as cookies, those that show an attack by themselves."""
    headers = []
    for header in request.headers:
        name, value = request.text(header.name).lower(), request.text(header.value)
        if name in _PLAIN_HEADERS:
            if any(_SIGNS.search(form) for form in _forms(_QUOTED.sub(b"=", percent_decoded(value)))):
                headers.append(value)
        elif not name.startswith(_BROWSER_HEADERS):
            headers.append(value)
    return b"\n".join([request.text(request.target), _body(request), *headers])


def _body(request: http_request.Request) -> bytes:
    """Returns the body, of a multipart message the contents and file names of its parts."""
    if request.content_type != b"multipart/form-data":
        return request.text(request.body)
    if not request.parts:  # the boundary is missing, or is not that of the body
        return _PART_HEAD.sub(lambda match: match[1] or b"", request.text(request.body))
    return b"\n".join(
        b"filename=" * (part.place == "filename") + request.text(part.value) for part in request.body_parameters
    )


def percent_decoded(text: bytes) -> bytes:
    """Returns the text after several rounds of percent-decoding."""
    for _ in range(_ROUNDS):
        text = unquote_to_bytes(text)
    return text


def _forms(text: bytes) -> Iterator[bytes]:
    """Yields a percent-decoded text, the text without escapes of separators, and what is base64 in it."""
    yield text
    if (bare := _ESCAPE.sub(b"", text)) != text:
        yield bare
    for match in _BASE64.finditer(text):
        # A slash is a digit of base64, and also separates a path: the whole may be encoded, or one segment.
        for digits in {match[0], *match[0].split(b"/")}:
            if len(digits) >= _MIN_BASE64 and (decoded := _base64_decoded(digits)) is not None:
                yield decoded


def _base64_decoded(digits: bytes) -> bytes | None:
    """Returns what the digits encode, None unless it is readable or serialized: long names decode too, to noise."""
    try:
        decoded = base64.b64decode(digits.rstrip(b"=") + b"==", altchars=None if b"-" not in digits else b"-_")
    except binascii.Error:
        return None
    noise = len(decoded.translate(None, _READABLE))
    return decoded if noise <= 0.1 * len(decoded) or decoded.startswith(b"\xac\xed") else None
