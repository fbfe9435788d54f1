"""Rules as a method: libmodsecurity itself, on small rules that are written here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness.methods.adapters.modsecurity import Verdicts
from harness.methods.base import secrules
from harness.methods.base.answers import AdapterError
from harness.methods.base.rule_engine import Engine, Match

from harness import Context, Payloads, TrainingData, UserError, registry, space
from harness.boards.model import track_of
from harness.data.taxonomy import threat_class
from harness.execution.budget import Budget, Ledger
from harness.method import MethodRef, Predictor
from tests.conftest import Shell, results_of

pytest.importorskip("libmodsecurity", reason="the extra `rules` is not installed (there is no wheel for this machine)")

SETUP = """# Actions of rules that state none
SecDefaultAction "phase:2,log,auditlog,pass"
SecRuleEngine Off
SecAuditEngine On
SecAuditLog audit.log
"""
RULES = r"""SecRule ARGS|REQUEST_HEADERS:X-Api "@rx (?i)union\s+select" \
    "id:1001,\
    phase:2,\
    pass,t:urlDecodeUni,severity:CRITICAL,\
    tag:'language-any',tag:'attack-sqli'"
# SecRule ARGS "@rx commented" \
    "id:1009,phase:2,pass,severity:CRITICAL,tag:'attack-rce'"
SecRule ARGS "@pmFromFile markup.data" "id:1002,phase:2,pass,severity:CRITICAL,tag:'attack-xss'"
SecRule REQUEST_URI_RAW "@contains ../" "id:1003,phase:1,pass,severity:WARNING,tag:'attack-lfi'"
SecRule REQUEST_HEADERS:Via "@contains loop" "id:1004,phase:1,pass,severity:ERROR,tag:'attack-protocol'"
SecRule REQUEST_HEADERS:X-Stop "@rx ." "id:1005,phase:1,deny,severity:CRITICAL,tag:'attack-rce'"
SecRule ARGS "@contains rO0AB" "id:944999,phase:2,pass,severity:CRITICAL,tag:'attack-rce'"
SecRule ARGS "@rbl list.example" "id:1006,phase:2,pass,severity:CRITICAL,tag:'attack-rce',chain"
    SecRule ARGS "@rx ." "t:none"
SecAction "id:1011,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}"
SecAction "id:1007,phase:1,pass,nolog,setvar:ip.seen=+1"
SecRule IP:seen "@gt 1" "id:1008,phase:1,pass,severity:CRITICAL,tag:'attack-rce'"
SecRule REQUEST_BODY "@rx \xff.$" "id:1010,phase:2,pass,severity:CRITICAL,tag:'attack-injection-php'"
"""
SQL, XSS, PATH, COMMAND = "sql-injection", "cross-site-scripting", "path-traversal", "command-injection"
ATTACKS = (SQL, XSS, PATH, COMMAND, "code-injection", "deserialization")
UNION = b"GET /?q=1%20UNION%20%20select%202 HTTP/1.1\r\nHost: a.example\r\n\r\n"
CLIMB = b"GET /../x?q=1 HTTP/1.1\r\nHost: a.example\r\n\r\n"
PLAIN = b"GET /?q=1 HTTP/1.1\r\nHost: a.example\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is laid out as a checkout of the Core Rule Set."""
    registry.discover()
    rules = tmp_path / "checkout/rules"
    rules.mkdir(parents=True)
    (rules.parent / "crs-setup.conf").write_text(SETUP, encoding="utf-8")
    (rules / "ATTACKS.conf").write_text(RULES, encoding="utf-8")
    (rules / "markup.data").write_text("# elements\n<script\n<svg\n", encoding="utf-8")
    return rules.parent


def fitted(folder: Path, classes: Sequence[str] = ATTACKS, labels: Mapping[str, str] | None = None) -> Predictor:
    context = Context(0, tuple(map(threat_class, classes)), "cpu", "float32", Ledger(Budget(1, 60)).shared)
    train = TrainingData(Payloads.from_list([b""] * 10), np.arange(10) % 2)
    method = registry.open_method(MethodRef("modsecurity", str(folder), labels or {})).factory()
    method.check()
    return method.fit(train, train, {}, context)


def answers(predictor: Predictor, classes: Sequence[str], *payloads: bytes) -> list[dict[str, float]]:
    """The classes with a probability, for each payload."""
    table = predictor.predict_proba(Payloads.from_list(payloads))
    assert table.dtype == np.float32
    return [{name: round(float(p), 4) for name, p in zip(classes, row, strict=True) if p} for row in table]


def test_the_class_of_the_highest_anomaly_score_is_predicted(folder: Path) -> None:
    both = CLIMB.replace(b"q=1", b"q=union+select")
    java = b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\na=rO0ABX"
    assert answers(fitted(folder), ATTACKS, UNION, both, java) == [
        {SQL: 1.0},
        {SQL: 0.625, PATH: 0.375},  # critical 5 points, warning 3
        {"deserialization": 1.0},  # the family of the file of an id of the Core Rule Set, not the tag
    ]


def test_no_match_is_no_opinion_where_all_requests_attack(folder: Path) -> None:
    predictor = fitted(folder)
    assert answers(predictor, ATTACKS, PLAIN, CLIMB) == [{SQL: 0.5, XSS: 0.5}, {PATH: 1.0}]
    assert predictor.notes == ("1 of 2 answers held no opinion; the class shares of training stand for them",)


def test_a_low_score_is_harmless_where_some_requests_are(folder: Path) -> None:
    loop = CLIMB.replace(b"Host", b"Via: loop\r\nHost")
    classes = (SQL, "normal", PATH)
    found = answers(fitted(folder, classes), classes, PLAIN, CLIMB, UNION, loop)
    assert found == [{"normal": 1.0}, {"normal": 1.0}, {SQL: 1.0}, {PATH: 1.0}]
    classes = ("none", "attack")
    found = answers(fitted(folder, classes), classes, PLAIN, CLIMB, UNION, loop)
    assert found == [{"none": 1.0}, {"none": 1.0}, {"attack": 1.0}, {"attack": 1.0}]


def test_families_and_no_match_can_be_mapped_by_the_user(folder: Path) -> None:
    labels = {"attack-sqli": COMMAND, "attack-lfi": "-", "none": XSS}
    found = answers(fitted(folder, labels=labels), ATTACKS, UNION, CLIMB, PLAIN)
    assert found == [{COMMAND: 1.0}, {SQL: 0.5, XSS: 0.5}, {XSS: 1.0}]
    with pytest.raises(AdapterError, match="the label 'nonsense' is not a class of this corpus"):
        answers(fitted(folder, labels={"attack-sqli": "nonsense"}), ATTACKS, UNION)


@pytest.mark.parametrize(
    ("family", "classes", "expected"),
    [
        ("attack-rfi", ("sqli", "path_traversal"), "path_traversal"),
        ("attack-injection-php", ("xss", "code_injection"), "code_injection"),
        ("attack-ssti", (SQL, "code-injection"), "code-injection"),
        ("attack-ssti", ("code-injection", "template-injection"), "template-injection"),
        ("attack-ldap", (SQL, XSS), "-"),
        ("attack-protocol", (SQL, "benign", XSS), "-"),
        ("attack-protocol", ("benign", "intrusion"), "intrusion"),
    ],
)
def test_a_family_stands_for_the_class_that_covers_it(family: str, classes: Sequence[str], expected: str) -> None:
    assert Verdicts(classes, {}).answer([Match(1, 2, (family,))]) == {expected: 1.0}


def test_a_rule_that_denies_ends_the_evaluation_and_a_payload_leaves_no_trace(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = Engine(secrules.read(folder))

    def rules(payload: bytes) -> list[int]:
        return [match.rule for match in engine.matches(payload)]

    assert rules(UNION) == [1001]
    assert rules(UNION.replace(b"Host", b"X-Stop: 1\r\nHost")) == [1005]
    assert [rules(PLAIN) for _ in range(3)] == [[]] * 3  # a counter by address would match from the second on
    assert rules(UNION.replace(b"UNION", b"commented")) == []
    assert capfd.readouterr() == ("", "")
    assert not Path("audit.log").exists()


def test_payloads_reach_the_rules_byte_for_byte(folder: Path) -> None:
    engine = Engine(secrules.read(folder))
    form = b"POST / HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s"
    cases = {
        b"GET /?q=a\x00union%09select HTTP/1.1\r\n\r\n": [1001],
        b"GET /?\xff=union\nselect": [1001],  # not a request: a form
        b"q=%3Csvg": [1002],
        b"<SCRIPT": [],  # a name without a value
        b"\xff": [],
        b"": [],
        PLAIN.replace(b"Host", b"X-Api: \xfe\x00union select\r\nHost"): [1001],
        form % (4, b"a=\xff\x01"): [1010],
        form % (4, b"a=\xc3\xbf"): [],
    }
    found = {payload: [match.rule for match in engine.matches(payload)] for payload in cases}
    assert found == cases


def test_the_key_depends_on_the_rules_that_are_loaded(folder: Path) -> None:
    def content() -> Mapping[str, object]:
        adapter = registry.open_method(MethodRef("modsecurity", str(folder), {"none": "-"})).adapter
        assert adapter is not None
        return adapter

    before = content()
    assert before["labels"] == {"none": "-"}
    (folder / "README.md").write_text("text", encoding="utf-8")
    (folder / "rules/unused.data").write_text("x", encoding="utf-8")
    assert content() == before
    for name in ("rules/markup.data", "rules/ATTACKS.conf", "crs-setup.conf", "plugins/a-before.conf"):
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("#\n")
        assert content() != before, name
        before = content()


def test_files_are_loaded_in_the_order_of_a_checkout(tmp_path: Path) -> None:
    names = ["a.conf", "crs-setup.conf.example", "rules/B.conf", "rules/A.conf", "rules/C.conf.example"]
    names += [f"plugins/p-{part}.conf" for part in ("after", "before", "config")]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("SecMarker END\n", encoding="utf-8")

    def order() -> list[str]:
        return [str(file.path.relative_to(tmp_path)) for file in secrules.read(tmp_path).files]

    plugins = ["plugins/p-config.conf", "plugins/p-before.conf"]
    loaded = ["crs-setup.conf.example", *plugins, "rules/A.conf", "rules/B.conf", "plugins/p-after.conf"]
    assert order() == loaded
    (tmp_path / "crs-setup.conf").write_text("", encoding="utf-8")
    assert order() == ["crs-setup.conf", *loaded[1:]]
    (tmp_path / "rules").rename(tmp_path / "other")
    assert order() == ["a.conf", "crs-setup.conf"]


GOOD = 'SecRule ARGS "@rx ,exec:a" "id:1,phase:2,pass"\n'  # what a rule matches is not what it does


@pytest.mark.parametrize(
    ("rules", "line", "problem"),
    [
        ('\nSecRule ARGS "@rx a" "phase:1"\n', 2, "Rules must have an ID"),
        (f"{GOOD}\n# id:1\n{GOOD}", 4, "Rule id: 1 is duplicated"),
        ('#\nSecRule ARGS \\\n"@rx a" \\\n"id:2,phase:x9"\n', 2, "Expecting an action, got: phase:x9"),
        (f'{GOOD}SecRule NOWHERE "@rx a" "id:2"\n', 2, "Expecting a variable, got"),
        ("SecFrobnicate On\n", 1, "the directive SecFrobnicate is not one of those that only match requests"),
        (f"{GOOD}Include /etc/other.conf\n", 2, "the directive Include is not"),
        ("SecRemoteRules key https://rules.example/\n", 1, "the directive SecRemoteRules is not"),
        ('SecRuleScript "x.lua" "id:2"\n', 1, "the directive SecRuleScript is not"),
        ('SecRule ARGS "@rx a" "id:2,\\\n  phase:2,exec:/bin/true"\n', 1, "the action exec acts outside of the rules"),
        ("SecAction \"id:2,pass,msg:'it's,setenv:A=b'\"\n", 1, "the action setenv acts outside of the rules"),
        ('SecRule ARGS "@rx ,exec:a" "id:2,phase:2,exec:/bin/true"\n', 1, "the action exec acts outside"),
        ('SecDefaultAction "exec:/bin/true" "phase:2,pass"\n', 1, "the action exec acts outside"),
        ('SecRule ARGS "!@inspectFile /bin/true" "id:2"\n', 1, "the operator @inspectFile reads or runs something"),
        ('SecRule ARGS @inspectFile "id:2"\n', 1, "a rule must have the form SecRule VARIABLES"),
        ('SecRule ARGS "@rx a\\" "id:2"\n', 1, "a rule must have the form SecRule VARIABLES"),
        (f'{GOOD}SecRule ARGS "@pmFromFile ../../../up.data" "id:2"\n', 2, "@pmFromFile may only read files in"),
        ('SecRule ARGS "@ipMatchFromFile /etc/hosts" "id:2"\n', 1, "@ipMatchFromFile may only read files in"),
        ('SecRule ARGS "@pmFromFile https://a.example/x" "id:2"\n', 1, "there is no file https://a.example/x"),
        ('SecRule ARGS "@pmFromFile link.data" "id:2"\n', 1, "@pmFromFile may only read files in"),
    ],
)
def test_a_rule_that_is_malformed_or_acts_elsewhere_is_named(folder: Path, rules: str, line: int, problem: str) -> None:
    (folder.parent / "up.data").write_text("x", encoding="utf-8")
    (folder / "rules/link.data").symlink_to(folder.parent / "up.data")
    path = folder / "rules/BROKEN.conf"
    path.write_text(rules, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        Engine(secrules.read(folder))
    assert str(caught.value).startswith(f"{path}, line {line}: {problem}")
    assert len(str(caught.value).splitlines()) == 1


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _only_settings(folder: Path) -> Path:
    (folder / "settings").mkdir()
    (folder / "settings/a.conf").write_text("SecRuleEngine On\n", encoding="utf-8")
    return folder / "settings"


def _quoted(folder: Path) -> Path:
    return folder.rename(folder.with_name('a"b'))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda folder: folder / "nowhere", "there is no folder"),
        (_empty, "has no rules: neither \\*.conf nor rules/\\*.conf"),
        (_only_settings, "has no rules"),
        (_quoted, "the path of a folder of rules must not contain"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_sentence(
    folder: Path, change: Callable[[Path], Path], problem: str
) -> None:
    with pytest.raises(UserError, match=problem) as caught:
        fitted(change(folder))
    assert len(str(caught.value).splitlines()) == 1


def test_the_command_line_runs_rules_and_names_a_bad_one(folder: Path, shell: Shell, mapped: tuple[str, ...]) -> None:
    folder.rename(shell.folder / "checkout")
    run = ("run", "--method", "modsecurity:checkout,majority", *mapped, "--scenario", "random")
    done = shell(*run)
    assert done.returncode == 0, done.stdout + done.stderr
    records = {r["cell"]["method"]: r for r in results_of(shell.folder / "results/local").values()}  # type: ignore[index]
    record = records["modsecurity:checkout"]
    assert (record["status"], record["cell"]["kind"]) == ("done", "fixed")  # type: ignore[index]
    assert set(record["cell"]["adapter"]) == {"digest", "labels"}  # type: ignore[index]
    (shell.folder / "checkout/rules/Z.conf").write_text('\nSecRule ARGS "@rx a" "id:1,nothing"\n', encoding="utf-8")
    done = shell(*run)
    assert done.returncode == 2
    assert "rules/Z.conf, line 2: Expecting an action" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def features(folder: Path, train: TrainingData, **changed: object) -> Predictor:
    context = Context(0, tuple(map(threat_class, ATTACKS)), "cpu", "float32", Ledger(Budget(1, 60)).shared)
    info = registry.open_method(MethodRef("modsecurity-features", str(folder)))
    assert track_of(info.kind, tuple(info.tags)) == "rules", "the rules are an advantage over methods without any"
    return info.factory().fit(train, train, {**space.defaults(info.space), **changed}, context)


def with_markup(query: bytes) -> bytes:
    return b"GET /" + query + b" HTTP/1.1\r\nHost: a.example\r\n\r\n"


@pytest.fixture
def two_signs(cache: Path) -> TrainingData:
    """Path traversal wherever markup and a climb match together, SQL injection and cross-site scripting for one each.

    The letters around them are noise.
    """
    texts = {SQL: b"../x?q=%d", XSS: b"x?q=%d<svg", PATH: b"../x?q=%d<svg"}
    rows = [(ATTACKS.index(name), with_markup(text % n)) for n in range(12) for name, text in texts.items()]
    return TrainingData(Payloads.from_list([payload for _, payload in rows]), np.array([label for label, _ in rows]))


def test_which_rules_match_is_learned_from(folder: Path, two_signs: TrainingData) -> None:
    unseen = Payloads.from_list([with_markup(b"other/../?z=%3Csvg"), with_markup(b"../?a"), with_markup(b"?a=<script")])
    for changed in ({"ngrams": False}, {"ngrams": True}):
        table = features(folder, two_signs, **changed).predict_proba(unseen)
        assert table.sum(axis=1) == pytest.approx(1, abs=1e-6)
        assert not table[:, 3:].any()  # classes without a training row
        assert [ATTACKS[column] for column in table[:, :3].argmax(axis=1)] == [PATH, SQL, XSS], changed


def test_n_grams_are_a_choice(folder: Path, two_signs: TrainingData) -> None:
    unknown = Payloads.from_list([with_markup(b"nothing"), with_markup(b"x?q=7&x=svg")])
    rules, both = (features(folder, two_signs, ngrams=choice).predict_proba(unknown) for choice in (False, True))
    assert (rules[0] == rules[1]).all()
    assert (both[0] != both[1]).any()


def test_what_cannot_be_learned_is_one_sentence(folder: Path, two_signs: TrainingData) -> None:
    plain = TrainingData(Payloads.from_list([PLAIN] * 4), np.array([0, 1, 0, 1]))
    with pytest.raises(UserError, match="no rule matches a training payload"):
        features(folder, plain, ngrams=False)
    with pytest.raises(UserError, match="at least two classes in training"):
        features(folder, TrainingData(two_signs.payloads, two_signs.labels * 0))
    info = registry.open_method(MethodRef("modsecurity-features", str(folder)))
    context = Context(0, tuple(map(threat_class, ATTACKS)), "cpu", "float32", Ledger(Budget(1, 60)).shared)
    spent = replace(context, should_stop=lambda: True)
    other = TrainingData(two_signs.payloads[1:], two_signs.labels[1:])
    with pytest.raises(UserError, match="evaluated on 0 of 35 payloads"):
        info.factory().fit(other, other, space.defaults(info.space), spent)
