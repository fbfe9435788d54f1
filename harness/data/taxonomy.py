"""The threat classes that all benchmarks share: maps CWE numbers and names to classes, and classes to anchor texts.

Identifiers are those of the Common Weakness Enumeration (https://cwe.mitre.org).
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ThreatClass:
    """A class label and its anchor: the generic text that represents it to a text encoder."""

    name: str
    anchor: str


_CLASSES: dict[str, tuple[str, tuple[int, ...]]] = {
    "sql-injection": ("SQL injection attack", (89, 564, 943)),
    "cross-site-scripting": ("cross-site scripting attack", (79, *range(80, 88))),
    "path-traversal": ("path traversal attack", (22, *range(23, 41), 73, 98)),
    "command-injection": ("operating system command injection attack", (77, 78, 88)),
    "code-injection": ("code injection attack", (94, 95, 96)),
    "template-injection": ("template and expression language injection attack", (917, 1336)),
    "deserialization": ("insecure deserialization attack", (502,)),
    "server-side-request-forgery": ("server-side request forgery attack", (918,)),
    "xml-external-entity": ("XML external entity attack", (611, 776, 827)),
    "file-upload": ("unrestricted file upload attack", (434,)),
    "open-redirect": ("open redirect attack", (601,)),
    "ldap-injection": ("LDAP injection attack", (90,)),
    "xpath-injection": ("XPath and XQuery injection attack", (643, 652)),
    "server-side-include": ("server-side include injection attack", (97,)),
}
CLASS_OF_CWE: dict[int, str] = {cwe: name for name, (_, cwes) in _CLASSES.items() for cwe in cwes}
ANCHORS: dict[str, str] = {name: anchor for name, (anchor, _) in _CLASSES.items()}

# The classes that a class is a kind of: CWE-1336 is a child of CWE-94, CWE-917 of CWE-77, and CWE-97 of CWE-96.
_BROADER: dict[str, tuple[str, ...]] = {
    "template-injection": ("code-injection", "command-injection"),
    "server-side-include": ("code-injection",),
}

# Coarser classes of public request collections: anchor text, and the classes that each contains.
_FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "sqli": ("SQL injection attack", ("sql-injection",)),
    "xss": ("cross-site scripting attack", ("cross-site-scripting",)),
    "path_traversal": ("path traversal attack", ("path-traversal",)),
    "command_injection": ("operating system command injection attack", ("command-injection",)),
    "code_injection": ("code injection attack", ("code-injection", "template-injection")),
    "ssrf_xxe": (
        "server-side request forgery or XML external entity attack",
        ("server-side-request-forgery", "xml-external-entity"),
    ),
    "file_upload": ("unrestricted file upload attack", ("file-upload",)),
    "open_redirect": ("open redirect attack", ("open-redirect",)),
}

# Techniques whose payloads public sources file under several of these classes, by what reached the code first. One
# technique has one class here: a lookup ``${jndi:…}`` is an expression (CWE-917), a type name in JSON makes a
# deserializer build an object (CWE-502).
_EXECUTING = frozenset({"code-injection", "command-injection", "deserialization", "template-injection"})
_TECHNIQUES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (
        re.compile(
            rb"\$\{(?:jndi|(?=[^:]{0,9}\$\{)(?:\$\{[^{}]{0,40}\}|[jndi]){1,9}):", re.I
        ),  # also ${${lower:j}ndi:…}
        "template-injection",
    ),
    (re.compile(rb'"@type"\s{0,9}:'), "deserialization"),
)

# Other names of a class in common use: words without spaces and punctuation, in lower case.
_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "sql-injection": ("sqli", "sql", "sqlinjections", "sqlia", "nosqlinjection", "nosqli"),
    "cross-site-scripting": ("xss", "crosssitescript", "crosssitescriptings", "xssinjection", "javascriptinjection"),
    "path-traversal": (
        "lfi",
        "rfi",
        "traversal",
        "pathtransversal",  # the spelling of the ECML/PKDD 2007 data set
        "directorytraversal",
        "directorytransversal",
        "dirtraversal",
        "dotdotslash",
        "fileinclusion",
        "localfileinclusion",
        "remotefileinclusion",
        "localfileread",
        "arbitraryfileread",
    ),
    "command-injection": (
        "cmdi",
        "commandexecution",
        "commandinjections",
        "cmdinjection",
        "oscommand",
        "oscommanding",
        "oscommandinjection",
        "oscmdinjection",
        "oscommandexecution",
        "remotecommandexecution",
        "shellinjection",
    ),
    "code-injection": ("codeexecution", "phpinjection", "phpcodeinjection", "remotecodeinjection"),
    "template-injection": (
        "ssti",
        "serversidetemplateinjection",
        "expressionlanguageinjection",
        "elinjection",
        "oglninjection",
        "ognlinjection",
        "jndiinjection",
    ),
    "deserialization": (
        "insecuredeserialization",
        "unsafedeserialization",
        "deserializationofuntrusteddata",
        "objectinjection",
        "phpobjectinjection",
    ),
    "server-side-request-forgery": ("ssrf", "serversiderequestforgeries"),
    "xml-external-entity": ("xxe", "xxeinjection", "xmlexternalentities", "xmlexternalentityinjection"),
    "file-upload": (
        "unrestrictedfileupload",
        "arbitraryfileupload",
        "maliciousfileupload",
        "insecurefileupload",
        "uploadinsecurefiles",
    ),
    "open-redirect": ("redirect", "openredirection", "openredirects", "urlredirection", "unvalidatedredirect"),
    "ldap-injection": ("ldapi", "ldapinjections"),
    "xpath-injection": ("xpath", "xpathi", "xpathinjections", "xqueryinjection"),
    "server-side-include": (
        "ssi",
        "ssiinjection",
        "serversideincludes",
        "serversideincludeinjection",
        "serversideincludesinjection",
    ),
}
_CLASS_OF_NAME: dict[str, str] = {
    "".join(re.findall("[a-z0-9]+", spelling)): name
    for name in _CLASSES
    for spelling in (name, *_OTHER_NAMES.get(name, ()))
}
_BENIGN = frozenset("benign normal norm valid legitimate legit clean safe good none noattack".split())
# Words that say how or where, not which class: ``Reflected XSS``, ``Blind SQL Injection``, ``Web Attack - XSS``.
_QUALIFIERS = frozenset(
    "attack attacks vulnerability vulnerabilities web based reflected stored persistent dom blind time boolean error "
    "union second order classic generic possible detected".split()
)
_UNTELLING = frozenset("and attack request server system side language".split())  # words of names that fit any class
_NUMBER = re.compile(r"\A\s*(?:CAPEC-?)?\d+\s*[-–—:.)]\s*", re.I)


def class_named(text: str) -> str | None:
    """Returns the class that a text names, by its label, a common name or CWE numbers; None if not exactly one.

    Case, spaces and punctuation are ignored, and so are a leading number (``66 - SQL Injection``), words that do not
    name a class (``Reflected XSS``), and an abbreviation in parentheses (``Cross-Site Scripting (XSS)``).
    """
    numbers = {int(number) for number in re.findall(r"CWE[-_ ]?(\d+)", text, re.I)}
    if numbers:
        return most_specific(CLASS_OF_CWE[number] for number in numbers if number in CLASS_OF_CWE)
    name = _NUMBER.sub("", text)
    outside, inside = re.sub(r"\([^()]*\)", " ", name), re.findall(r"\(([^()]*)\)", name)
    found = _class_of_words(outside)
    if found is not None or not inside:
        return found
    return most_specific(filter(None, map(_class_of_words, inside)))


def without_class_words(text: str) -> str:
    """Returns a text without the names of classes, in any spelling, and without the words that these consist of.

    ``SQL injection in the search form`` becomes ``in the search form``. What is left describes an attack without naming
    its class; words such as ``query``, which belong to no name, stay.
    """
    for pattern in _class_words():
        text = pattern.sub(" ", text)
    return " ".join(text.split())


@functools.cache
def _class_words() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Returns patterns of the names of all classes, and of the words that names and anchors consist of."""
    names = sorted(filter(str.isalnum, _CLASS_OF_NAME), key=len, reverse=True)
    spelled = (r"[^a-z0-9]{0,2}".join(name) for name in names)
    told = " ".join(f"{name} {anchor}" for name, (anchor, _) in _CLASSES.items()).lower()
    words = sorted(set(re.findall("[a-z]{3,}", told)) - _UNTELLING, key=len, reverse=True)
    return (
        re.compile(rf"\b(?:{'|'.join(spelled)})(?:s|es)?\b", re.I),
        re.compile(rf"\b(?:{'|'.join(words)})(?:s|es|ed|ing)?\b", re.I),
    )


def unrecognised(labels: Iterable[str]) -> list[str]:
    """Returns the distinct labels that name no class, no family of classes and no harmless traffic, in order."""
    return [
        label
        for label in dict.fromkeys(labels)
        if class_named(label) is None and label not in _FAMILIES and _compact(label) not in _BENIGN
    ]


def canonical_name(label: str) -> str:
    """Returns the name that all spellings of a label share: a class, a family of classes, ``benign``, or the label."""
    named = class_named(label)
    if named is not None:
        return named
    return "benign" if _compact(label) in _BENIGN else label


def most_specific(names: Iterable[str]) -> str | None:
    """Returns the one of several classes that all others are broader than; None if there is none.

    Example: ``most_specific({"code-injection", "template-injection"})`` returns ``"template-injection"``.
    """
    distinct = set(names)
    specific = distinct - {broader for name in distinct for broader in _BROADER.get(name, ())}
    return specific.pop() if len(specific) == 1 else None


def may_share_a_technique(names: Iterable[str]) -> bool:
    """Whether sources file payloads of one technique under all of these classes; see `class_of_payload`."""
    return frozenset(names) <= _EXECUTING


def class_of_payload(payload: bytes, names: Iterable[str]) -> str | None:
    """Returns the class of a payload whose source names one class or several; None if they do not agree on one.

    A payload of a technique that sources file under several classes has the class of the technique, so that equal
    payloads have equal labels.

    Args:
        payload: its bytes, percent-decoded.
        names: the classes that the source names.
    """
    distinct = frozenset(names)
    if distinct and may_share_a_technique(distinct):
        for pattern, name in _TECHNIQUES:
            if pattern.search(payload):
                return name
    return most_specific(distinct)


def threat_class(name: str) -> ThreatClass:
    """Returns the threat class of a label; the anchor of an unknown label consists of the label's words."""
    words = name.replace("_", " ").replace("-", " ")
    other_anchor = _FAMILIES[name][0] if name in _FAMILIES else f"{words} attack"
    return ThreatClass(name, ANCHORS.get(name, other_anchor))


def classes_of(label: str) -> frozenset[str]:
    """Returns the threat classes that a label covers: itself, those of its family, or none if the label is unknown."""
    if label in ANCHORS:
        return frozenset((label,))
    return frozenset(_FAMILIES[label][1]) if label in _FAMILIES else frozenset()


def classes_within(label: str) -> frozenset[str]:
    """Returns `classes_of` a label and the kinds of these classes: ``code-injection`` has ``template-injection``.

    A class that is a kind of two others is in the first of them only.
    """
    own = classes_of(label)
    return own | {kind for kind, broader in _BROADER.items() if broader[0] in own}


def _compact(text: str) -> str:
    return "".join(re.findall("[a-z0-9]+", text.lower()))


def _class_of_words(text: str) -> str | None:
    """Returns the class that words name, all of them or without the qualifiers among them."""
    words = re.findall("[a-z0-9]+", text.lower())
    plain = [word for word in words if word not in _QUALIFIERS]
    candidates = ("".join(words), "".join(plain), "".join(plain).removesuffix("attacks").removesuffix("attack"))
    return next((_CLASS_OF_NAME[name] for name in candidates if name in _CLASS_OF_NAME), None)
