"""Helper functions of nuclei templates: each gives the bytes of projectdiscovery's dsl."""

import base64
import re
import zlib

import pytest
from harness.benchmarks.nuclei.expressions import Scope, resolve
from harness.benchmarks.nuclei.functions import call
from harness.benchmarks.nuclei.values import TemplateRandom, Unknown, to_bytes, to_short_string, to_string


def value(expression: str) -> str:
    """The value of an expression, with every character as one byte."""
    return to_bytes(resolve("{{" + expression + "}}", Scope("t", {}, frozenset()))).decode("latin-1")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("base64('it is')", "aXQgaXM="),
        ("base64(12)", "MTI="),
        ("base64_py('')", "\n"),
        ("base64_py(repeat('a', 60))", "YWFh" * 19 + "\n" + "YWFh" + "\n"),
        ("base64_decode('aXQg\naXM=')", "it is"),
        ("bin_to_dec('0b101')", "5"),
        ("concat('a', 1.5, true, len('abc'))", "a1.5true3"),
        ("contains('abc', 'bc')", "true"),
        ("contains_all('abc', 'a', 'd')", "false"),
        ("contains_any('abc', 'd', 'a')", "true"),
        ("count('abab', 'ab')", "2"),
        ("date_time('%Y-%M-%D %H:%m:%S')", "2024-01-01 00:00:00"),
        ("date_time('02/01/06 15.04', 86400)", "02/01/70 00.00"),
        ("date_time('Mon Jan 2 2006 3:04PM MST', unix_time(3600))", "Mon Jan 1 2024 1:00AM UTC"),
        ("dec_to_hex(255)", "ff"),
        ("dectohex(0 - 255)", "-ff"),
        ("deflate('abc')", "\x4a\x4c\x4a\x06\x04\x00\x00\xff\xff"),
        ("ends_with('abc', 'x', 'c')", "true"),
        ("equals_any(1, '2', '1')", "true"),
        (
            'generate_jwt(\'{"b": "<", "a": 1}\', \'none\')',
            base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
            + "."
            + base64.urlsafe_b64encode(b'{"a":1,"b":"\\u003c"}').decode().rstrip("=")
            + ".",
        ),
        ("getNetworkPort('8080', 25)", "25"),
        ("getNetworkPort('26', 25)", "26"),
        ("gzip_decode(gzip('abc'))", "abc"),
        ("hex_decode('e9ff')", "\xe9\xff"),
        ("hex_encode('k}')", "6b7d"),
        ("hex_encode('k}', 'x')", "\\x6b\\x7d"),
        ("hex_to_dec('0x1f')", "31"),
        ("hmac('sha256', 'a', 'b')", "cb448b440c42ac8ad084fc8a8795c98f5b7802359c305eabd57ecdb20e248896"),
        ("html_escape('<a href=\"/x\">&\\'')", "&lt;a href&equals;&quot;&sol;x&quot;&gt;&amp;&apos;"),
        ("html_escape('a<', true)", "&#97;&lt;"),
        ("html_unescape('&lt;&#97;&#x62;&amp;')", "<ab&"),
        ("index('abc', 1)", "b"),
        ("index(split('a,b', ','), 1)", "b"),
        ("inflate(deflate('abcabc'), 4)", "abca"),
        ("join('-', 'a', 2)", "a-2"),
        ("join('-', sort('b', 'a'))", "a-b"),
        ('json_minify(\'{ "b": [1, 2.5], "a": "\\\\u00e9" }\')', '{"a":"\xc3\xa9","b":[1,2.5]}'),
        ("len(hex_decode('c3a9'))", "2"),
        ("line_starts_with('a\nbc', 'b')", "true"),
        ("line_ends_with('a\nbc', 'b')", "false"),
        ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
        ("mmh3('hello')", "613153351"),
        ("oct_to_dec('17')", "15"),
        ("padding('ab', 'xyz', 6, 'suffix')", "abxyzx"),
        ("padding('ab', 'x', '4', 'prefix')", "xxab"),
        ("padding('abc', 'x', 2, 'prefix')", "abc"),
        ("print_debug('a')", "true"),
        ("remove_bad_chars('abcb', 'b')", "ac"),
        ("repeat('ab', '2')", "abab"),
        ("replace('aXbX', 'X', 'yy')", "ayybyy"),
        ("reverse('abc')", "cba"),
        ("sha1('a')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("sort('cab')", "abc"),
        ("join(',', split('abcde', 2))", "ab,cd,e"),
        ("join(',', split('a-b-c', '-', 2))", "a,b-c"),
        ("starts_with('abc', 'ab')", "true"),
        ("substr('abcdef', 2)", "cdef"),
        ("substr('abcdef', 1, 3)", "bc"),
        ("to_bool('true')", "true"),
        ("to_lower('AbC')", "abc"),
        ("to_number('1000000') * 3", "3000000"),
        ("to_string(0.1)", "0.1"),
        ("to_unix_time('2024-01-01 01:00:00 +01:00')", "1704067200"),
        ("to_unix_time('2024-01-01')", "1704067200"),
        ("to_upper('straße')", "STRA\xc3\x9fE"),
        ("trim('xxaxx', 'x')", "a"),
        ("trim_left('xax', 'x')", "ax"),
        ("trim_right('xax', 'x')", "xa"),
        ("trim_prefix('xxa', 'x')", "xa"),
        ("trim_suffix('axx', 'x')", "ax"),
        ("trim_space(' \t a\n')", "a"),
        ("uniq('abab')", "ab"),
        ("join('', uniq('a', 'b', 'a'))", "ab"),
        ("unix_time()", "1704067200"),
        ("unixtime(60)", "1704067260"),
        ("url_decode('a%2Bb+c%zz%')", "a+b+c%zz%"),
        ('url_encode("(x\') or 1=1!")', "(x')%20or%201%3D1!"),
        ("urlencode('-_.!~*', true)", "%2D%5F%2E%21%7E%2A"),
        ("url_encode(hex_decode('c3a9ff'))", "%C3%A9%EF%BF%BD"),
        ("wait_for(5)", "true"),
        ("xor('ab', '  ')", "AB"),
        ("zlib_decode(zlib('abc'))", "abc"),
    ],
)
def test_values_are_those_of_dsl(expression: str, expected: str) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize("name", ["randbase", "randtextalpha", "randtextalphanumeric", "randtextnumeric"])
def test_random_text_has_its_length_and_alphabet(name: str) -> None:
    drawn = value(f"{name}(40)")
    assert re.fullmatch(r"\d{40}" if "numeric" in name and "alpha" not in name else r"[A-Za-z0-9]{40}", drawn)
    without = value(f"{name}(40, 'ab12')")
    assert set(without) <= set("ab12") if name == "randbase" else not set(without) & set("ab12")


def test_random_numbers_are_below_their_limit() -> None:
    random = TemplateRandom("t")
    assert {call("rand_int", [3.0, 5.0], random) for _ in range(40)} == {3, 4}
    assert value("rand_ip('10.0.0.0/8')") == "192.0.2.10"
    assert len(value("rand_char()")) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "repeat('a', 0 - 1)",
        "rand_int(5, 5)",
        "rand_base(0 - 1)",
        "rand_text_numeric(3, '0123456789')",
        "padding('a', '', 3, 'prefix')",
        "padding('a', 'b', 3, 'middle')",
        "join('-', 'a')",
        "substr('abc', 2, 1)",
        "substr('', 0)",
        "index('abc', 3)",
        "dec_to_hex('7')",
        "xor('a', 'bc')",
        "zip('a')",
        "zip('a/', '')",
        "date_time('%q')",
        "date_time('2006', '99999999999999')",
        "generate_jwt('[]', 'none')",
        "generate_jwt('{}', 'RS256')",
        "gzip_decode('abc')",
        "hmac('md4', 'a', 'b')",
        "to_number('x')",
        "trim('a')",
        "wait_for('5')",
        "unix_time('5')",
    ],
)
def test_arguments_that_dsl_rejects_are_errors(expression: str) -> None:
    with pytest.raises(Unknown, match="does not accept its arguments"):
        value(expression)


@pytest.mark.parametrize(
    "name", ["replace_regex", "regex", "aes_cbc", "resolve", "rsa_encrypt", "generate_dotnet_gadget", "crc32"]
)
def test_functions_without_one_inert_value_are_unknown(name: str) -> None:
    with pytest.raises(Unknown, match=rf"unknown helper function {name}\(\)"):
        value(f"{name}('a')")


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 12, 400, 30_000])
def test_compressed_data_hold_their_content(size: int) -> None:
    text = "".join(chr(97 + at * at % 23) for at in range(size))
    packed = to_bytes(call("deflate", [text], TemplateRandom("t")))
    assert zlib.decompress(packed, -15) == text.encode()
    assert packed.endswith(b"\x00\x00\xff\xff")


def test_a_zip_file_is_that_of_go() -> None:
    data = to_bytes(call("zip", ["../x.jsp", "<%= 1 %>", "b", "c"], TemplateRandom("t")))
    assert data.startswith(b"PK\x03\x04\x14\x00\x08\x00\x08\x00" + bytes(16) + b"\x08\x00\x00\x00../x.jsp")
    assert data.count(b"PK\x07\x08") == data.count(b"PK\x01\x02\x14\x00\x14\x00\x08\x00\x08\x00") == 2


def test_too_long_values_are_named() -> None:
    bomb = "zlib_decode(hex_decode('" + zlib.compress(bytes(2_000_000)).hex() + "'))"
    with pytest.raises(Unknown, match="does not accept its arguments"):
        value(bomb)


def test_numbers_are_written_as_go_writes_them() -> None:
    assert [to_string(number) for number in (7.0, 0.25, 1e21, 1e-7)] == ["7", "0.25", "1" + "0" * 21, "0.0000001"]
    assert [to_short_string(number) for number in (7.0, 999999.0, 1e6, 1234567.5, 1e-5, 0.0, -2e6)] == [
        "7",
        "999999",
        "1e+06",
        "1.2345675e+06",
        "1e-05",
        "0",
        "-2e+06",
    ]
    assert to_string([True, None]) == "[true ]"
