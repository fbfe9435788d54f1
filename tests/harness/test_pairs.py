"""Learners and strategies: which pairs become methods, what they are called, and why others do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import (
    Context,
    Float,
    Learner,
    Params,
    Predictor,
    Strategy,
    TrainingData,
    UserError,
    register_learner,
    register_strategy,
    registry,
)
from harness.api.methods import choose_methods
from tests.conftest import Shell


@pytest.fixture(autouse=True)
def _discovered() -> Iterator[None]:
    """Forgets what a test registers."""
    registry.discover()
    tables = (registry._methods, registry.strategies, registry.learners)
    before = [dict(table) for table in tables]
    yield
    for table, entries in zip(tables, before, strict=True):
        table.clear()
        table.update(entries)


class Half(Strategy):
    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        return learner.fit(train, validation, params, context)


def test_a_strategy_is_paired_with_every_learner_that_has_what_it_needs() -> None:
    class Needy(Half):
        needs = frozenset(("features",))
        space = {"own": Float(0.0, 1.0, default=0.5)}

    register_strategy("needy", version=5, summary="with needs", tags=("groups",))(Needy)
    pairs = {name: info for name, info in registry.methods().items() if name.startswith("needy:")}
    assert set(pairs) == {"needy:byte-cnn", "needy:encoder"}
    pair, plain = pairs["needy:byte-cnn"], registry.method("byte-cnn")
    assert set(pair.space) == {*plain.space, "own"}
    assert pair.version == plain.version + 4
    assert pair.summary == "byte-cnn with needs"
    assert pair.tags == {"groups"}
    assert pair.contrasts == ("byte-cnn",)
    assert pair.factory().info.name == pair.name
    assert pairs["needy:encoder"].kind == "heavy", "the encoder names the strategies that run by default"
    assert pairs["needy:encoder"].shared == registry.method("transformer").shared


def test_a_later_learner_gets_the_strategies_that_are_there() -> None:
    class Simple(Learner):
        abilities = frozenset(("weights",))

        def fit(self, train, validation, params, context, training=None):  # type: ignore[no-untyped-def, override]
            raise NotImplementedError

    register_learner("simple", plain="plain-simple", version=1, summary="a learner")(Simple)
    pairs = {name for name in registry.methods() if name.endswith(":simple")}
    assert {"rwg:simple", "jtt:simple", "carrier-mix:simple"} <= pairs
    assert not {"group-dro:simple", "dfr:simple", "even-weights:simple"} & pairs
    assert registry.method("plain-simple").contrasts == ()
    assert registry.method("carrier-mix:simple").contrasts == ("control-more-passes:simple", "plain-simple")


def test_losses_of_their_own_have_the_space_of_that_training() -> None:
    assert "c" in registry.method("rwg:ngrams").space
    assert "c" not in registry.method("group-dro:ngrams").space
    assert "learning_rate" in registry.method("group-dro:ngrams").space


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("dfr:ngrams", "the strategy dfr needs learned features, which ngrams does not have; it works with"),
        ("even-weights:byte-cnn", "needs a linear model of the input, which byte-cnn does not have"),
        ("rwg:ngram", "there is no learner named ngram; did you mean ngrams"),
        ("rwg", "rwg is a strategy, which is trained on a learner; use rwg:"),
    ],
)
def test_a_pair_that_cannot_be_is_refused_in_one_sentence(
    name: str, complaint: str, shell: Shell, tmp_path: Path
) -> None:
    done = shell("run", "--method", name, "--results", str(tmp_path / "r"))
    assert done.returncode == 2
    assert complaint in " ".join(done.stderr.split())
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("register", "complaint"),
    [
        (lambda cls: register_strategy("Bad Name", version=1, summary="")(cls), "a-z"),
        (lambda cls: register_strategy("plain", version=1, summary="")(cls), "used for the learner without a strategy"),
        (
            lambda cls: register_learner("own", plain="majority", version=1, summary="")(type("Own", (Learner,), {})),
            r"learner own: the method name majority is already used by harness\.methods\.majority",
        ),
        (lambda cls: register_strategy("odd", version=1, summary="", tags=("spans",))(cls), "tag 'spans' is unknown"),  # type: ignore[arg-type]
        (lambda cls: register_strategy("odd", version=1, summary="", kind="good")(cls), "kind='good' is unknown"),  # type: ignore[arg-type]
        (lambda cls: register_strategy("rwg", version=1, summary="")(cls), "strategy name rwg is registered twice"),
        (
            lambda cls: register_strategy("odd", version=1, summary="")(type("Odd", (cls,), {"needs": {"magic"}})),
            "strategy odd: the ability 'magic' is unknown",
        ),
        (
            lambda cls: register_strategy("odd", version=1, summary="")(type("Odd", (Strategy,), {})),
            "strategy odd: Odd does not define fit",
        ),
    ],
)
def test_a_malformed_strategy_is_refused(register, complaint: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=complaint):
        register(Half)
    assert not {"odd", "plain", "exec"} & set(registry.strategies)
    assert "own" not in registry.learners


PLUGIN = """
import numpy as np

from harness import Strategy, Training, register_strategy


@register_strategy("short-first", version=1, summary="with more weight on short payloads")
class ShortFirst(Strategy):
    needs = frozenset(("weights",))

    def fit(self, learner, train, validation, params, context):
        weights = 1 / np.maximum(train.payloads.lengths, 1)
        return learner.fit(train, validation, params, context, Training(weights / weights.mean()))
"""


def test_a_strategy_of_a_plug_in_runs_on_a_built_in_learner_and_its_code_is_in_the_key(
    shell: Shell, tmp_path: Path
) -> None:
    """From an empty file of 13 lines to a board."""
    plugin = tmp_path / "short_first.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    options = ("--plugin", str(plugin), "--results", str(tmp_path / "r"), "--trials", "1", "--scenario", "iid")
    done = shell("run", "--method", "short-first:ngrams,tfidf-logreg", *options)
    assert done.returncode == 0, done.stderr
    assert "short-first:ngrams" in done.stdout
    again = shell("run", "--method", "short-first:ngrams", *options)
    assert "1 cell" in again.stdout + again.stderr
    registry.load_plugin(str(plugin))
    first = registry.method("short-first:ngrams")
    assert first.adapter == {"plugin": registry.plugin_of("short-first:ngrams")}
    plugin.write_text(PLUGIN.replace("1 / np", "2 / np"), encoding="utf-8")
    registry.load_plugin(str(plugin))
    assert registry.method("short-first:ngrams").adapter != first.adapter
    assert registry.method("tfidf-logreg").adapter is None


def test_an_edited_half_of_a_notebook_makes_another_method() -> None:
    """The key of a pair has the code of both halves that a notebook defines."""

    def content(answer: int, scale: int) -> object:
        namespace = {"Learner": Learner, "Strategy": Strategy, "__name__": "__main__"}
        source = f"class One(Strategy):\n    def fit(self, *arguments):\n        return {answer}\n"
        source += f"class Two(Learner):\n    def fit(self, *arguments):\n        return {scale}\n"
        exec(source, namespace)
        register_strategy("one", version=1, summary="")(namespace["One"])
        register_learner("two", plain="plain-two", version=1, summary="")(namespace["Two"])
        assert registry.method("one:two").in_memory
        return registry.method("one:two").adapter

    first = content(1, 1)
    assert content(1, 1) == first
    assert content(2, 1) != first
    assert content(1, 2) != first


def test_a_pair_comes_before_a_family_of_its_strategy_s_name() -> None:
    names = "text-guided:ngrams,text-guided:ngrams:negatives=none"
    (pair, variant), _ = choose_methods(names, {}, None)
    assert pair is registry.method("text-guided:ngrams")
    assert pair.ref is None
    assert variant.ref is not None
    assert variant.name == "text-guided:ngrams:negatives=none"
