"""Tier B: outcomes of the draws on real cores, what stays the same, and planted faults, which are rejected."""

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from harness.oracles import html, paths, shell, sql, xml
from harness.perturbations import markup, suite
from harness.perturbations import paths as path_respellings
from harness.perturbations import shell as shell_respellings
from harness.perturbations import sql as sql_respellings
from harness.perturbations.base import Perturbation, Respelling
from harness.perturbations.engine import REDRAWS, PerturbationTally, attempt
from harness.perturbations.message import Message
from tests.conftest import ROOT
from tests.harness.perturbations.rows import messages, perturbed, request

PER_CLASS = 1000 if os.environ.get("HARNESS_FULL_ROUNDS") else 60
SYNTAX = suite("syntax")
SQL, SCRIPT, COMMAND, PATH, ENTITY = (
    "sql-injection", "cross-site-scripting", "command-injection", "path-traversal", "xml-external-entity"
)  # fmt: skip


def of_class(name: str) -> list[Message]:
    return [message for message in messages(PER_CLASS) if message.label == name]


@pytest.mark.parametrize(
    ("perturbation", "label"),
    [(p, label) for p in SYNTAX for label in sorted(p.classes or ())],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_most_draws_that_change_something_are_kept(
    perturbation: Perturbation, label: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tally, rows = PerturbationTally(), [message for message in of_class(label) if perturbation.applies(message)]
    start = time.process_time()
    results = [after for message in rows if (after := attempt(perturbation, message, 0, 0, tally)) is not None]
    rate = len(rows) / (time.process_time() - start)
    counts = tally.plain()[perturbation.name]
    with capsys.disabled():
        print(
            f"\n{perturbation.name:16}{label:22}", *(f"{k} {v:5}" for k, v in counts.items()), f"{rate:6,.0f}/s", end=""
        )
    assert counts["draws"] == counts["no_ops"] + counts["rejected"] + counts["kept"]
    assert len(results) == counts["kept"] > 0
    assert counts["rejected"] < 0.1 * counts["draws"]


def test_the_suite_is_the_one_of_the_issue() -> None:
    modules = (markup, path_respellings, shell_respellings, sql_respellings)
    assert {p.name for p in SYNTAX} == {
        "html-case", "html-entity", "html-whitespace", "path-dot", "path-separator", "shell-ifs", "shell-quote",
        "sql-case", "sql-comment", "sql-literal", "sql-operator", "sql-whitespace", "xml-attribute", "xml-entity",
        "xml-name",
    }  # fmt: skip
    assert {p for module in modules for p in module.PERTURBATIONS} == set(SYNTAX)
    assert all(isinstance(p, Respelling) and p.tier == "B" and p.touches_attack for p in SYNTAX)


def test_the_comment_that_ends_a_fragment_and_the_strings_stay() -> None:
    literals = re.compile(r"'[^']*kestrel[^']*'|\Z")
    for perturbation in sql_respellings.PERTURBATIONS[:3]:
        assert isinstance(perturbation, Respelling)
        for end in ("-- ", "--", "-- kestrel or more", "#", "# kestrel = 1, 2"):
            text = f"it''s , (x') union select 1, 'kestrel and , 7' from t where a = (2) {end}"
            for seed in range(20):
                respelling = perturbation.respell(text, random.Random(seed))
                assert respelling is not None
                assert respelling != text
                assert respelling.endswith(end)
                assert respelling.startswith("it''s , (x'")
                assert literals.findall(respelling) == literals.findall(text)


def test_what_holds_no_attack_is_left_alone() -> None:
    plain = (
        "lang",
        "en",
        "a b, c",
        "2024-05-01",
        "O'Brien",
        "text/html",
        "id=1",
        "it's (fine) & so = 1",
        "a <b> c",
        "",
    )
    for perturbation in (p for p in SYNTAX if isinstance(p, Respelling) and p.name.startswith(("sql", "path", "xml"))):
        for text in plain:
            assert perturbation.respell(text, random.Random(0)) is None


def test_bytes_are_the_same_in_any_process() -> None:
    program = "from tests.harness.perturbations.test_syntax import digest; import sys; sys.stdout.write(digest())"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert process.stdout == digest(), process.stderr


def digest() -> str:
    import hashlib

    sha256 = hashlib.sha256()
    for perturbation in SYNTAX:
        for _, after in perturbed(perturbation, 4, PerturbationTally()):
            sha256.update(after.payload)
    return sha256.hexdigest()


# Planted faults: respellings that break the attack. The oracle must reject every draw.

Change = Callable[[str, random.Random], str | None]
Same = Callable[[str, str], bool]


def every(pattern: str, new: str) -> Change:
    return lambda text, rng: re.sub(pattern, new, text)


def one(pattern: str, new: str = "") -> Change:
    def change(text: str, rng: random.Random) -> str | None:
        matches = list(re.finditer(pattern, text))
        if not matches:
            return None
        match = rng.choice(matches)
        return text[: match.start()] + new + text[match.end() :]

    return change


FAULTS: dict[str, tuple[str, Same, Change]] = {
    "the space behind the dashes goes": (SQL, sql.same, every(r"-- (?=[^'\"\n]*$)", "--")),
    "the dashes part": (SQL, sql.same, every(r"--(?=[^'\"\n]*$)", "- -")),
    "the last comment goes": (SQL, sql.same, every(r"(?:--|#)[^'\"\n]*$", "")),
    "the last comment is hidden": (SQL, sql.same, every(r"(?:--|#)[^'\"\n]*$", "/**/")),
    "a quote of SQL is dropped": (SQL, sql.same, one(r"['\"]")),
    "a quote of SQL is doubled": (SQL, sql.same, one(r"(?<!')'(?!')", "''")),
    "a parenthesis is dropped": (SQL, sql.same, one(r"[()]")),
    "an item is lost": (SQL, sql.same, one(r"(?<=,)(?:\d+|NULL)(?=,)")),
    "a string changes": (SQL, sql.same, one(r"(?<=')[a-z](?=[a-z0-9]{7}')", "Q")),
    "a function stands apart": (SQL, sql.same, every(r"(?i)\b(count|mid|substr|now|cast)\(", r"\1 (")),
    "a quote of HTML is dropped": (SCRIPT, html.same, one(r"['\"]")),
    "an attribute loses its quotes": (SCRIPT, html.same, one(r"=(?:\"[^\"]*(?=\")|'[^']*(?='))", "=")),
    "an angle bracket is dropped": (SCRIPT, html.same, one(r"[<>]")),
    "another element is closed": (SCRIPT, html.same, one(r"(?<=</)\w", "q")),
    "a reference lacks its number": (SCRIPT, html.same, one(r"(?<=on\w{4}=.)\w", "&#;")),
    "a quote of a command is dropped": (COMMAND, shell.same, one(r"['\"]")),
    "a quote is added": (COMMAND, shell.same, one(r"(?<=\w)(?=\w)", "'")),
    "a separator is quoted": (COMMAND, shell.same, one(r"[;|&`]", r"'\g<0>'")),
    "a separator is dropped": (COMMAND, shell.same, one(r"[;|&`]")),
    "words are glued": (COMMAND, shell.same, one(r"(?<=[a-z]) (?=\w)", "$IFSx")),
    "one .. is lost": (PATH, paths.same, one(r"\.\.[/\\]|%2e%2e(?:%2f|/)")),
    "one .. is added": (PATH, paths.same, one(r"\.\.(?=[/\\])", "../..")),
    "a step gets another name": (PATH, paths.same, one(r"(?<=[/\\])(?=\w)", "q")),
    "a quote of XML is dropped": (ENTITY, xml.same, one(r"['\"]")),
    "XML is not well-formed": (ENTITY, xml.same, one(r"[<>]")),
    "a reference is lost": (ENTITY, xml.same, one(r"[&%]\w+;")),
    "an entity is written out": (ENTITY, xml.same, every(r"&\w+;(?=[^\]]*$)", "x")),
    "a system identifier is another": (ENTITY, xml.same, every(r"(?<=SYSTEM [\"'])\w", "&#104;")),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_refused_every_time(fault: str) -> None:
    label, oracle, change = FAULTS[fault]

    class Broken(Respelling):
        name = "broken"
        classes = frozenset((label,))

        def respell(self, text: str, rng: random.Random) -> str | None:
            return change(text, rng)

        def same(self, before: str, after: str) -> bool:
            return oracle(before, after)

    tally = PerturbationTally()
    attacks = [after.attack for message in of_class(label) if (after := attempt(Broken(), message, 0, 0, tally))]
    assert attacks == []
    assert tally.rejected["broken"] == tally.draws["broken"] - tally.no_ops["broken"] >= 2 * (1 + REDRAWS)


def test_the_same_fault_is_kept_where_no_oracle_looks() -> None:
    """An oracle that always agrees accepts a planted fault."""

    class Unchecked(Respelling):
        name = "unchecked"

        def respell(self, text: str, rng: random.Random) -> str | None:
            return text.replace("-- ", "--")

        def same(self, before: str, after: str) -> bool:
            return True

    message = request("GET /?q=1%20or%201--%20 HTTP/1.1\nHost: h.example\n\n", "1%20or%201--%20")
    after = attempt(Unchecked(), message, 0, 0, PerturbationTally())
    assert after is not None
    assert after.attack == b"1%20or%201--"
