"""Derived environments and views: which rows they hold, what their figures mean, and what a run says of them."""

import json

import numpy as np
import pytest

from harness import Corpus, Environment, EnvironmentSpec, Scenario, ScenarioSpec, StoredRows, UserError
from harness.evaluation import metrics
from harness.perturbations.excision import excised
from harness.perturbations.message import Message
from harness.scenario import ATTACK_ONLY, EXCISED
from harness.scenarios.input_views import with_view
from harness.scenarios.perturbed import PerturbedOptions, base_of, perturbed_environments, with_perturbed
from tests.conftest import Shell

SPEC = ScenarioSpec("s", "none", "", {"id": EnvironmentSpec(), "test": EnvironmentSpec(shifted=True)})


def corpus(spans: bool) -> Corpus:
    import pyarrow as pa

    payloads = [b"GET /a?q=%d+OR+1 HTTP/1.1\r\nHost: h.example\r\n\r\n" % n for n in range(10, 18)]
    payloads[3] = b"GET /plain HTTP/1.1\r\nHost: h.example\r\n\r\n"
    columns = {
        "sample": [str(n) for n in range(8)],
        "payload": pa.array(payloads, pa.large_binary()),
        "label": ["sql-injection", "open-redirect"] * 4,
    }
    if spans:
        columns["span"] = [[] if n == 3 else [9, 16] for n in range(8)]
    return Corpus.create("tiny", pa.table(columns))


def scenario(rows: list[int]) -> Scenario:
    environments = {"id": Environment(StoredRows(np.array([0, 1]))), "test": Environment(StoredRows(np.array(rows)))}
    return Scenario(
        SPEC, Environment(StoredRows(np.arange(2))), Environment(StoredRows(np.arange(2))), environments, np.arange(8)
    )


@pytest.mark.parametrize("spans", [True, False])
def test_excised_and_attack_alone_hold_the_rows_whose_attack_has_a_place(spans: bool) -> None:
    tiny = corpus(spans)
    out = perturbed_environments(scenario([6, 3, 2, 5]), PerturbedOptions(diagnostics=True), tiny, seed=0)
    assert out.environments[EXCISED].rows.tolist() == [6, 2, 5]
    assert out.environments[EXCISED].base == "test"
    assert out.tallies[EXCISED].left_out == {"no place": 1}
    assert list(out.environments[ATTACK_ONLY].render(tiny)) == [b"16+OR+1", b"12+OR+1", b"15+OR+1"]
    assert out.environments[EXCISED].render(tiny)[0] == b"GET /a?q= HTTP/1.1\r\nHost: h.example\r\n\r\n"


def test_an_excised_payload_shares_no_run_with_its_attack() -> None:
    attack = b"%68ttp://evil.example/aaaa"
    payload = b"GET /evil.example/?u=" + attack + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    start = payload.index(attack)
    cut = excised(Message.of("0", payload, "open-redirect", [start, start + len(attack)]))
    runs = {b"http://evil.example/aaaa"[i : i + 8] for i in range(17)}
    assert not [run for run in runs if run in cut]
    assert cut == b"GET ample/?u= HTTP/1.1\r\nHost: mple\r\n\r\n"


def test_an_environment_without_rows_is_not_there_and_is_counted() -> None:
    out = perturbed_environments(scenario([3]), PerturbedOptions(diagnostics=True), corpus(True), seed=0)
    assert out.environments == {}
    assert out.tallies[EXCISED].left_out == {"no place": 1}


def test_the_version_of_a_perturbed_environment_stands_for_depth_and_draws() -> None:
    versions = {
        with_perturbed(SPEC, PerturbedOptions(("carrier",), depth, draws)).environments["perturbed.carrier"].version
        for depth in (1, 2)
        for draws in (1, 2)
    }
    assert len(versions) == 4


def test_neutral_cues_are_changed_where_there_are_any_else_the_shifted_test() -> None:
    plain = EnvironmentSpec()
    for names, base in ((["id", "test"], "test"), (["id"], "id"), (["id", "flip.all", "neutral"], "neutral")):
        assert base_of(ScenarioSpec("s", "none", "", dict.fromkeys(names, plain))) == base


def test_a_view_scores_nothing_and_an_unknown_one_is_named() -> None:
    assert with_view(SPEC, "carrier").name == "s@carrier"
    assert with_view(SPEC, "carrier").scored == ()
    with pytest.raises(UserError, match=r"the view carier is unknown; did you mean carrier"):
        with_view(SPEC, "carier")


def test_occlusion_measures_what_predictions_depend_on() -> None:
    whole = np.array([[0.9, 0.1]], dtype=np.float32)
    gone, same = np.array([[0.1, 0.9]], dtype=np.float32), whole
    falls = [metrics.occlusion(whole, *parts) for parts in ((gone, same), (same, gone), (same, same))]
    assert [metrics.share_of(attack.sum(), carrier.sum()) for attack, carrier in falls] == [1, 0, 0.5]


def test_a_run_adds_them_as_environments_and_columns(shell: Shell, mapped: tuple[str, ...]) -> None:
    arguments = ("run", "--method", "majority,tfidf-logreg", "--trials", 1, *mapped, "--scenario", "random",
                 "--diagnostics", "--perturb", "encoding,carrier", "--draws", 2)  # fmt: skip
    done = shell(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    for caption in (
        "Macro-F1 unperturbed / perturbed / worst draw, and flip rate, by perturbation suite (mean over random)",
        "Macro-F1 with the attack removed and with the attack only; occlusion (mean over random)",
        "Probes: macro-F1 of a learner that sees only a part of the input",
    ):
        assert caption in done.stdout
    record = next(shell.folder.glob("results/local/*/random/tfidf-logreg-*.json"))
    result = json.loads(record.read_text(encoding="utf-8"))["result"]
    perturbed = result["metrics"]["perturbed.encoding"]
    assert perturbed["worst_case"] <= perturbed["macro_f1"] + 0.02
    counts = result["perturbations"]["perturbed.encoding"]["draws"]
    assert all(c["draws"] == c["no_ops"] + c["rejected"] + c["kept"] for c in counts.values())
    assert list(shell.folder.glob("results/local/*/random-carrier/tfidf-logreg-*.json"))
    assert "0 to run" in shell(*arguments).stdout
    assert "1 to run" in shell(*arguments, "--method", "majority", "--depth", 2).stdout


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--perturb", "carier"), "the perturbation suite carier is unknown; did you mean carrier"),
        (("--perturb", "carrier", "--depth", 4), "--depth 4: the value must be from 1 to 3"),
        (("--perturb", "carrier", "--draws", 0), "--draws 0: the value must be from 1 to 100"),
        (("--depth", 2), "--depth 2 requires --perturb SUITE."),
        (("--draws", 3), "--draws 3 requires --perturb SUITE."),
        (("--scenario", "random@carier"), "the view carier is unknown; did you mean carrier"),
    ],
)
def test_a_mistake_is_one_sentence(
    shell: Shell, mapped: tuple[str, ...], option: tuple[object, ...], sentence: str
) -> None:
    done = shell("run", *mapped, *option, "--dry-run")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
