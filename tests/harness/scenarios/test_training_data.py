"""Groups, environments and cues: what they are, which methods get them, and that they select the trial."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness import (
    BenchmarkRef,
    Corpus,
    Environment,
    Method,
    Payloads,
    Predictor,
    Rendered,
    Scenario,
    Sizes,
    StoredRows,
    TrainingData,
    registry,
)
from harness.execution.budget import Budget, Ledger
from harness.execution.tuning import tune
from harness.method import TAGS
from harness.scenarios import training_data
from harness.scenarios.generic import catalogue
from harness.scenarios.training_data import training_and_validation
from harness.space import Categorical
from tests.conftest import Shell
from tests.harness.scenarios.test_generic import requests
from tests.tools import golden

SIZES = Sizes(660, 220, 220)


@pytest.fixture(scope="module")
def corpus(cache: Path) -> Corpus:
    registry.discover()
    return registry.open_benchmark(BenchmarkRef("synthetic")).corpus()


def build(corpus: Corpus, name: str) -> Scenario:
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    return benchmark.build(corpus, next(s for s in benchmark.scenarios() if s.name == name), 0, SIZES)


def test_planted_groups_are_the_class_and_whether_the_collector_agrees(corpus: Corpus) -> None:
    scenario = build(corpus, "planted-80")
    train, validation = training_and_validation(corpus, scenario, frozenset({"groups"}))
    for part in (train, validation):
        assert np.array_equal(part.groups // 2, part.labels)
        assert part.groups.base is None
    assert (train.groups % 2 == 0).mean() == pytest.approx(0.8 + 0.2 / 11, abs=0.04)
    for source, rho in ((0, 0.76), (1, 0.84)):
        rows = train.environments == source
        assert rows.mean() == pytest.approx(0.5, abs=0.06)
        assert (train.groups[rows] % 2 == 0).mean() == pytest.approx(rho + (1 - rho) / 11, abs=0.05)
    # The host shows the collector in nine of ten rows: of a class's agreeing rows most have one host, of others few.
    host = np.bincount(train.cues["host"][train.groups == 0])
    assert host.max() > 0.8 * host.sum()
    assert (train.cues["host"][train.groups == 1] == host.argmax()).mean() < 0.3
    assert training_data.group_notes(scenario, train) == (
        "planted-80: groups are the class and whether the collector agrees with it",
    )


def test_without_groups_or_sources_groups_are_the_classes_in_one_environment_and_a_note_says_so(corpus: Corpus) -> None:
    scenario = build(corpus, "iid")
    train, _ = training_and_validation(corpus, scenario, frozenset({"groups"}))
    assert np.array_equal(train.groups, train.labels)
    assert not train.environments.any()
    groups, environments = training_data.group_notes(scenario, train)
    assert "defines no groups" in groups
    assert "one source" in environments
    full = build(corpus, "planted-100")
    train, _ = training_and_validation(corpus, full, frozenset({"groups"}))
    assert not train.environments.any()
    assert (train.groups % 2 == 0).all()
    assert len(training_data.group_notes(full, train)) == 2


@pytest.mark.parametrize("tags", [c for n in range(4) for c in itertools.combinations(TAGS, n)], ids="-".join)
def test_a_method_gets_what_its_tags_allow_and_nothing_else(corpus: Corpus, tags: tuple[str, ...]) -> None:
    for part in training_and_validation(corpus, build(corpus, "planted-95"), frozenset(tags)):
        assert (part.descriptions is not None) == ("text" in tags)
        assert (part.spans is not None) == ("span" in tags)
        for values in (part.groups, part.environments, part.cues):
            assert (values is not None) == ("groups" in tags)


def generic(corpus: Corpus, name: str) -> tuple[Scenario, TrainingData, TrainingData]:
    spec = next(s for s in catalogue.scenarios(corpus.meta) if s.name == name)
    scenario = catalogue.build(corpus, spec, 0, Sizes())
    return scenario, *training_and_validation(corpus, scenario, frozenset({"groups"}))


def test_real_groups_are_the_class_and_a_mapped_cue_or_the_attribute_of_natural_90() -> None:
    zone = np.random.default_rng(1).integers(3, size=1500)
    host = ["lab.example" if i % 4 == 0 else f"{i % 3}.example" for i in range(1500)]
    names = pa.array(["abc"[z] for z in zone], pa.string())
    cues = {"cue.zone": names, "cue.host": pa.array(host, pa.string())}
    data = requests(**cues)
    data = replace(data, table=data.table.set_column(  # the host goes with the first class
        data.table.column_names.index("cue.host"), "cue.host",
        pa.array(["lab.example" if label == 0 else h for label, h in zip(data.labels, host, strict=True)], pa.string()),
    ))  # fmt: skip
    scenario, train, validation = generic(data, "random")
    assert scenario.grouped_by == "whether the host is lab.example"
    has_host = train.cues["host"] == train.cues["host"][train.labels == 0][0]
    assert np.array_equal(train.groups, train.labels * 2 + has_host)
    assert len(np.unique(train.environments)) == 4, "three sources, and the rows without one"
    assert set(validation.environments) <= set(train.environments)
    scenario, train, _ = generic(requests(), "natural-90")
    php = np.array([b".php" in payload for payload in train.payloads])
    assert scenario.grouped_by == "whether the path names a .php file"
    assert np.array_equal(train.groups, train.labels * 2 + php)
    scenario, train, _ = generic(requests(source=None), "random")
    assert scenario.grouped_by == ""
    assert np.array_equal(train.groups, train.labels)


def test_a_source_and_a_cue_value_have_one_number_in_training_and_validation() -> None:
    """Validation lacks the first source and the first value, so that numbers of its own would be others."""
    scenario, _, _ = generic(requests(), "random")
    payloads = Payloads.from_list([b"x"] * 3)
    labels = np.array([0, 1, 1])
    sources = np.array([-1, 4, 7]), np.array([7, 4, 7])
    values = ["a", "b", None], ["c", "b", "b"]
    rows = np.arange(3)
    scenario = replace(
        scenario,
        train=Environment(StoredRows(rows), sources=sources[0]),
        validation=Environment(StoredRows(rows), sources=sources[1]),
    )
    rendered = [Rendered(payloads, [None] * 3, {"zone": own}) for own in values]
    parts = TrainingData(payloads, labels), TrainingData(payloads, labels)
    train, validation = training_data.with_groups(scenario, parts, rendered)
    assert train.environments.tolist() == [0, 1, 2]
    assert validation.environments.tolist() == [2, 1, 2]
    assert train.cues["zone"].tolist() == [0, 1, -1]
    assert validation.cues["zone"].tolist() == [2, 1, 1]


class Fixed(Predictor):
    """Returns fixed classes, whatever the payloads."""

    def __init__(self, guesses: np.ndarray) -> None:
        self.guesses = guesses

    def predict_proba(self, payloads: Payloads) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[self.guesses]


@pytest.mark.parametrize(("tags", "best"), [(("groups",), "even"), ((), "sharp")])
def test_the_worst_group_selects_the_trial_of_group_aware_methods_only(
    tags: tuple[str, ...], best: str, tmp_path: Path
) -> None:
    labels = np.repeat([0, 1, 2], 20)
    groups = labels * 2 + (np.arange(60) % 20 < 2)
    guesses = {"sharp": np.where(groups == 1, 1, labels), "even": np.where(np.arange(60) % 2 == 0, 2, labels)}

    @registry.register_method(f"fixed-{best}", version=1, summary="", tags=tags)
    class TwoAnswers(Method):
        space = {"answer": Categorical(("sharp", "even"), default="sharp")}

        def fit(self, train, validation, params, context) -> Fixed:
            return Fixed(guesses[params["answer"]])

    try:
        data = TrainingData(Payloads.from_list([b"x"] * 60), labels, groups=groups)
        context = golden.context(("open-redirect", "sql-injection", "path-traversal"), tmp_path)
        tuned = tune(
            TwoAnswers(), data, data, groups, context, Ledger(Budget(trials=12, seconds=60)), lambda n: None, ""
        )
    finally:
        registry._methods.pop(f"fixed-{best}")
    assert tuned.best.params["answer"] == best
    by_answer = {trial.params["answer"]: (trial.macro_f1, trial.worst_group) for trial in tuned.trials}
    assert by_answer["sharp"][0] > by_answer["even"][0]
    assert by_answer["sharp"][1] < by_answer["even"][1]


PLUGIN = """
import numpy as np
from harness import Method, Predictor, register_method

class Even(Predictor):
    def __init__(self, classes): self.classes = classes
    def predict_proba(self, payloads): return np.full((len(payloads), self.classes), 1 / self.classes, np.float32)

def register(name, tags):
    @register_method(name, version=1, summary="", tags=tags)
    class Checks(Method):
        def fit(self, train, validation, params, context):
            for part in (train, validation):
                for values in (part.groups, part.environments, part.cues):
                    assert (values is not None) == bool(tags)
            return Even(len(context.classes))

register("grouped", ("groups",))
register("ungrouped", ())
"""


def test_a_run_gives_groups_to_tagged_methods_only_and_notes_what_groups_are(shell: Shell) -> None:
    (shell.folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    methods = ("--plugin", "plugin.py", "--method", "grouped,ungrouped")
    run = shell("run", *methods, "--scenario", "iid,planted-95", "--trials", 1)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "note: planted-95: groups are the class and whether the collector agrees with it" in run.stdout
    assert "note: iid: defines no groups" in run.stdout
    selected = {
        (record["cell"]["method"], record["result"]["selected_by"])
        for path in (shell.folder / "results" / "local").rglob("*.json")
        if "result" in (record := json.loads(path.read_text(encoding="utf-8")))
    }
    assert selected == {("grouped", "worst_group"), ("ungrouped", "macro_f1")}
