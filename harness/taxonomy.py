"""The threat classes that all benchmarks share: CWE to class, class to anchor text.

Identifiers are those of the Common Weakness Enumeration (https://cwe.mitre.org).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ThreatClass:
    """A label and the generic text that names it to a text encoder."""

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

# Coarser families of public request collections, mapped to the same anchors.
_FAMILIES: dict[str, str] = {
    "sqli": "SQL injection attack",
    "xss": "cross-site scripting attack",
    "path_traversal": "path traversal attack",
    "command_injection": "operating system command injection attack",
    "code_injection": "code injection attack",
    "ssrf_xxe": "server-side request forgery or XML external entity attack",
    "file_upload": "unrestricted file upload attack",
    "open_redirect": "open redirect attack",
}


def threat_class(name: str) -> ThreatClass:
    """Returns the class of a label; an unknown label's anchor is made of its own words."""
    words = name.replace("_", " ").replace("-", " ")
    return ThreatClass(name, ANCHORS.get(name) or _FAMILIES.get(name) or f"{words} attack")
