"""The checks of cores: no core of the cards is rejected, and each check rejects invalid cores."""

import pytest
from harness.benchmarks.synthetic import cards, streams, validity
from harness.benchmarks.synthetic.cards import Core

BAD: dict[str, list[Core]] = {
    "code-injection": [
        Core("function-call", "value", "phpinfo(; //{proof}"),
        Core("statement-breakout", "value", "x'); print(('{proof}"),
        Core("eval-expression", "value", "100% sure of {proof} (maybe)"),
        Core("remote-include", "value", "http:{proof}"),
    ],
    "command-injection": [
        Core("separator-chain", "value", "report (final) {proof}"),
        Core("separator-chain", "value", "x; {proof}"),
        Core("command-substitution", "value", "$(echo {proof}"),
        Core("backticks", "value", "rock `n roll {proof}"),
        Core("windows-cmd", "value", "a ^& whoami {proof}"),
        Core("windows-cmd", "value", "fish & chips {proof}"),
        Core("separator-chain", "value", "eval.exec('{proof}')"),
    ],
    "cross-site-scripting": [
        Core("script-tag", "value", "<b>{proof}</b>"),
        Core("script-tag", "value", "<script>alert('{proof}</script>"),
        Core("event-handler", "value", '<img src=x onerror=alert("{proof}>'),
        Core("javascript-uri", "value", '<a href="https://x.test/{proof}">x</a>'),
        Core("js-string-breakout", "value", 'say "hi()" {proof}'),
        Core("js-string-breakout", "value", "it's (fine) {proof}"),
    ],
    "deserialization": [
        Core("php-object", "value", 'O:8:"stdClass":1:{s:4:"what";s:7:"{proof}";}'),
        Core("php-nested", "value", 'a:2:{i:0;s:8:"{proof}";}'),
        Core("php-object", "value", 'O:8:"stdClass":1:{s:4:"what";s:8:"{proof}";}}'),
        Core("java-native", "value", "\xac\xed\x00\x05t\x00\x09{proof}", encoding="base64"),
        Core("java-native", "value", "\xac\xed\x00\x06t\x00\x08{proof}", encoding="base64"),
        Core("json-type", "value", '{"@type":"java.net.URL","val":"{proof}"'),
        Core("json-type", "value", '{"val":"{proof}"}'),
        Core("xstream-xml", "value", "<map><entry>{proof}</map>"),
        Core("yaml-tag", "value", "name: {proof}"),
        Core("yaml-tag", "value", "name: !!java.net.URL ['{proof}'"),
        Core("runtime-binary", "value", "cos\nsystem\n(S'{proof}\ntR."),
        Core("runtime-binary", "value", "H\x04user\x14{proof}Z"),
        Core("phar-wrapper", "value", "/uploads/{proof}.jpg"),
    ],
    "file-upload": [
        Core("script-extension", "file", "<?php echo '{proof}';", filename="notes.txt"),
        Core("script-extension", "file", "Quarterly figures {proof}", filename="notes.php"),
        Core("svg-or-html", "file", "<svg><title>{proof}</title></svg>", filename="a.svg"),
        Core("script-extension", "file", "print('{proof}'", filename="a.py"),
        Core("archive-or-path-in-filename", "file", "PK\x03\x04{proof}", filename="a.zip"),
        Core("server-config-file", "file", "AddType x .y # {proof}", filename="htaccess.txt"),
        Core("archive-or-path-in-filename", "value", "photos/{proof}.jpg"),
    ],
    "open-redirect": [
        Core("path-parameter", "value", "/home/{proof}"),
        Core("absolute-url", "value", "https://target.example/{proof}"),
        Core("path-parameter", "value", "/a/b/..//{proof}.test/"),
        Core("absolute-url", "value", "?next=//x.test/{proof}"),
        Core("absolute-url", "value", "{proof}.test"),
    ],
    "path-traversal": [
        Core("dot-dot-slash", "value", "images/{proof}.png"),
        Core("dot-dot-slash", "value", "a/b/../../c/{proof}"),
        Core("encoded-traversal", "value", "a/%2e%2e/{proof}"),
        Core("absolute-path", "value", "/images/{proof}"),
        Core("upload-filename", "file", "../../{proof}", filename="report.txt"),
    ],
    "server-side-request-forgery": [
        Core("out-of-band-url", "value", "http://www.iana.org/{proof}"),
        Core("out-of-band-url", "value", "/local/{proof}"),
        Core("loopback-port", "value", "http://10.0.0.1:80/{proof}"),
        Core("internal-address", "value", "http://127.0.0.1/{proof}"),
        Core("alternate-ip-notation", "value", "http://127.0.0.1/{proof}"),
        Core("cloud-metadata", "value", "http://169.254.1.1/{proof}"),
    ],
    "sql-injection": [
        Core("tautology", "value", "O'Brien {proof}", context="single-quoted"),
        Core("tautology", "value", "1 OR OR '{proof}'", context="numeric"),
        Core("tautology", "value", "x OR 1=1 -- {proof}", context="single-quoted"),
        Core("union-select", "value", "' UNION SELECT '{proof}' FROM", context="single-quoted"),
        Core("union-select", "value", "1 UNION SELECT ('{proof}'", context="numeric"),
        Core("order-by-inference", "value", "title DESC", context="order-by"),
        Core("stacked-query", "value", "sorted by {proof}"),
    ],
    "template-injection": [
        Core("jinja-twig", "value", "{{ {proof}"),
        Core("jinja-block", "value", "{% if x %}{proof}"),
        Core("jinja-block", "value", "{% for x in y %}{proof}{% endif %}"),
        Core("ognl", "value", "%{('{proof}').toString(}"),
        Core("arithmetic-probe", "value", "{proof} costs $5"),
    ],
    "xml-external-entity": [
        Core("file-entity", "document", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///a">]><a>&x;{proof}'),
        Core("file-entity", "document", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///a">]><a>{proof}</a>'),
        Core("file-entity", "document", "<a>{proof}</a>"),
        Core("external-dtd", "document", "<!DOCTYPE a SYSTEM {proof}><a/>"),
        Core("http-entity", "document", "<a>&x;{proof}</a>"),
    ],
}  # fmt: skip


def card(name: str) -> cards.Card:
    return next(card for card in cards.load() if card.threat_class == name)


@pytest.fixture(scope="module")
def rejects() -> dict[str, dict[str, list[str]]]:
    return validity.audit()


@pytest.mark.parametrize("name", sorted(validity.CHECKS))
def test_no_shipped_core_is_rejected(name: str, rejects: dict[str, dict[str, list[str]]]) -> None:
    reasons = rejects[name]
    assert not reasons, "\n".join(line for lines in reasons.values() for line in lines)


@pytest.mark.parametrize(("name", "core"), [(name, core) for name, cores in BAD.items() for core in cores])
def test_broken_cores_are_rejected(name: str, core: Core) -> None:
    assert validity.problem(card(name), core) is not None


def test_every_class_has_a_check_and_bad_examples() -> None:
    assert set(validity.CHECKS) == set(BAD) == {card.threat_class for card in cards.load()}


def test_a_broken_length_anywhere_in_a_java_stream_is_seen() -> None:
    for card in cards.load():
        for core in card.cores:
            if core.technique == "java-native":
                data = core.raw("kestrel7")
                assert streams.java(data) is None
                assert streams.java(data[:-1]) is not None
                assert streams.java(data + b"s") is not None
