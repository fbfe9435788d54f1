"""The threat classes that all benchmarks share: maps CWE numbers to classes, and classes to anchor texts.

Identifiers are those of the Common Weakness Enumeration (https://cwe.mitre.org).
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ThreatClass:
    """A class label and its anchor: the generic text that represents it to a text encoder."""

    name: str
    anchor: str


_CLASSES: dict[str, tuple[str, tuple[int, ...]]] = {
    "sql-injection": ("SQL injection attack", (89, 564, 943)),
    "cross-site-scripting": ("cross-site scripting attack", (79, 80, 83, 84, 85, 86, 87)),
    "path-traversal": ("path traversal attack", (22, 23, 24, 25, 29, 35, 36, 73, 98)),
    "command-injection": ("operating system command injection attack", (77, 78, 88)),
    "code-injection": ("code injection attack", (94, 95, 96)),
    "template-injection": ("template and expression language injection attack", (917, 1336)),
    "deserialization": ("insecure deserialization attack", (502,)),
    "server-side-request-forgery": ("server-side request forgery attack", (918,)),
    "xml-external-entity": ("XML external entity attack", (611, 776, 827)),
    "file-upload": ("unrestricted file upload attack", (434,)),
    "open-redirect": ("open redirect attack", (601,)),
}
CLASS_OF_CWE: dict[int, str] = {cwe: name for name, (_, cwes) in _CLASSES.items() for cwe in cwes}
ANCHORS: dict[str, str] = {name: anchor for name, (anchor, _) in _CLASSES.items()}

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

# Other names of a class in common use, in lower case with hyphens.
_ALIASES: dict[str, str] = {
    "sqli": "sql-injection",
    "sql": "sql-injection",
    "xss": "cross-site-scripting",
    "lfi": "path-traversal",
    "rfi": "path-traversal",
    "traversal": "path-traversal",
    "directory-traversal": "path-traversal",
    "file-inclusion": "path-traversal",
    "cmdi": "command-injection",
    "os-command-injection": "command-injection",
    "ssti": "template-injection",
    "server-side-template-injection": "template-injection",
    "insecure-deserialization": "deserialization",
    "ssrf": "server-side-request-forgery",
    "xxe": "xml-external-entity",
    "fileupload": "file-upload",
    "unrestricted-file-upload": "file-upload",
    "redirect": "open-redirect",
}


def class_named(text: str) -> str | None:
    """Returns the class that a text names, by its label, a common alias or CWE numbers; None if not exactly one.

    Case is ignored, and so is whether words are separated by spaces, hyphens or underscores.
    """
    numbers = {int(number) for number in re.findall(r"CWE-(\d+)", text, re.I)}
    if numbers:
        classes = {CLASS_OF_CWE[number] for number in numbers if number in CLASS_OF_CWE}
        return classes.pop() if len(classes) == 1 else None
    words = re.sub(r"[\s_-]+", "-", text.strip().lower())
    return words if words in ANCHORS else _ALIASES.get(words)


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
