"""Robust methods: losses, weights, samplers and carriers against their formulas."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from harness.methods.base import carriers, groups
from harness.methods.base.copies import PASSES
from harness.methods.neural.robust import last_layer, losses, sampling
from harness.methods.neural.robust.heads import CoralHead, GroupDROHead, GuessContrastHead, IRMHead, VRExHead
from harness.methods.neural.scorers import Linear
from harness.methods.neural.towers import ByteCNN
from harness.methods.neural.training import Classifier, LoopOptions, Settings, TorchPredictor, train
from torch import nn
from torch.nn import functional

from harness import (
    PLAIN_TRAINING,
    Context,
    Learner,
    Message,
    Params,
    Payloads,
    Predictor,
    Training,
    TrainingData,
    registry,
    space,
)
from tests.tools import golden

ROBUST = (
    *(f"{name}:byte-cnn" for name in ("rwg", "group-dro", "v-rex", "irm", "coral", "jtt", "dfr", "cnc", "carrier-mix")),
    "control-no-penalty:byte-cnn",
    *(f"{name}:ngrams" for name in ("rwg", "group-dro", "header-mix", "product-of-experts", "even-weights")),
)


def test_counterweights_give_every_group_the_same_sum_and_one_on_the_mean() -> None:
    group = np.array([0, 0, 0, 0, 3, 3, 7])
    weights = groups.balancing_weights(group)
    assert [weights[group == g].sum() for g in (0, 3, 7)] == pytest.approx([7 / 3] * 3)
    assert weights.mean() == pytest.approx(1)


def test_a_subsample_has_as_many_rows_of_each_group_as_the_smallest() -> None:
    group = np.random.default_rng(0).choice([0, 2, 5], size=200, p=[0.7, 0.2, 0.1])
    rows = groups.subsample(group, np.random.default_rng(1))
    assert set(Counter(group[rows].tolist()).values()) == {int((group == 5).sum())}
    assert len(set(rows.tolist())) == len(rows)
    assert not np.array_equal(rows, groups.subsample(group, np.random.default_rng(2)))


def test_held_out_rows_are_a_share_of_every_group_and_never_a_whole_one() -> None:
    group = np.repeat([0, 1, 2], [10, 3, 1])
    out = groups.held_out_mask(group, 0.2, np.random.default_rng(0))
    assert [int(out[group == g].sum()) for g in range(3)] == [2, 1, 0]


def test_a_balanced_draw_holds_groups_equally_and_as_many_rows_as_there_are() -> None:
    group = np.repeat([0, 1], [950, 50])
    batches = list(
        sampling.weighted_sampler(groups.balancing_weights(group))(np.full(1000, 9), 16, np.random.default_rng(0))
    )
    assert len(batches) == 63
    assert (group[np.concatenate(batches)] == 1).mean() == pytest.approx(0.5, abs=0.06)


def test_a_row_comes_as_often_as_its_weight_says() -> None:
    rng = np.random.default_rng(0)
    weights = np.where(np.arange(300) < 30, 10.0, 1.0)
    draw = sampling.weighted_sampler(weights)
    times = [np.bincount(np.concatenate(list(draw(np.full(300, 9), 16, rng))), minlength=300) for _ in range(40)]
    expected = weights / weights.sum() * 300
    assert np.abs(np.array(times) - expected).max() < 1
    assert np.abs(np.mean(times, axis=0) - expected).max() < 0.35


@pytest.mark.parametrize(("count", "size"), [(2, 32), (3, 16), (40, 16)])
def test_batches_by_environment_hold_as_many_rows_of_each_and_two_at_least(count: int, size: int) -> None:
    rng = np.random.default_rng(0)
    environments = np.concatenate([np.arange(count), rng.integers(count, size=500)])
    lengths = rng.integers(1, 1000, len(environments))
    batches = list(sampling.environment_sampler(environments)(lengths, size, rng))
    assert len(batches) == -(-len(environments) // size)
    seen: set[int] = set()
    for rows in batches:
        held = Counter(environments[rows].tolist())
        assert len(set(held.values())) == 1
        assert min(held.values()) >= 2
        assert len(rows) <= size
        seen |= set(held)
    assert len(seen) >= min(count, size // 2)
    padded = sum(len(rows) * lengths[rows].max() for rows in batches)
    assert padded < 1.6 * sum(lengths[rows].sum() for rows in batches), "batches are of similar length"


@pytest.mark.parametrize("sizes", [(165, 165), (200, 130), (7, 323)])
def test_an_environments_rows_come_again_only_after_all_others(sizes: tuple[int, ...]) -> None:
    environments = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 1000, len(environments))
    draw = sampling.environment_sampler(environments)
    times = np.zeros(len(environments), dtype=int)
    for _ in range(3):  # epochs
        for rows in draw(lengths, 16, rng):
            times[rows] += 1
            assert len(rows) == 16
            if min(sizes) >= 8:
                assert len(set(rows.tolist())) == 16
                spread = [np.ptp(times[environments == e]) for e in range(len(sizes))]
                assert max(spread) <= 2, "a pool of batches comes in any order"
    assert times.min() >= 1


def test_training_does_not_end_before_its_penalty_begins(tmp_path: Path) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    payloads = Payloads.from_list([bytes(rng.integers(97, 123, 20).tolist()) for _ in range(64)])
    labels = rng.integers(2, size=64)
    held_out = np.where(rng.random(64) < 0.4, 1 - labels, labels)  # after a first gain, validation only gets worse
    context = golden.context(("sql-injection", "path-traversal"), tmp_path)
    tower = ByteCNN(8, 32, 4, 1)
    inputs = tower.read(payloads, context)
    head = VRExHead(32, 2, torch.arange(64) % 2, weight=1.0, start_step=4 * 12)
    options = LoopOptions(sampling.environment_sampler(np.arange(64) % 2))
    settings = Settings(0.05, epochs=20, batch=16, patience=1)
    train(Classifier(tower, head), inputs, labels, (inputs, held_out), settings, context, options)
    assert 4 * 12 < head.steps < 4 * 20


def head_inputs(rows: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(rows, 4), torch.arange(rows) % 3, torch.arange(rows)


def test_group_dro_weighs_groups_by_exponential_ascent() -> None:
    vectors, labels, rows = head_inputs()
    groups = torch.tensor([0, 0, 1, 1, 1, 3])
    head = GroupDROHead(4, 3, groups, rate=0.5, adjustment=2)
    each = functional.cross_entropy(head.scorer(vectors), labels, reduction="none")
    mean = torch.stack([each[:2].mean() + 2 / 2**0.5, each[2:5].mean() + 2 / 3**0.5, torch.tensor(0.0), each[5] + 2])
    weights = torch.tensor([1 / 3, 1 / 3, 0, 1 / 3]) * torch.exp(0.5 * mean.detach())
    expected = (weights / weights.sum() * mean).sum()
    assert torch.allclose(head.loss(vectors, labels, rows), expected, atol=1e-6)
    assert torch.allclose(head.weights, weights / weights.sum())
    before = head.weights.clone()
    head.loss(vectors[:2], labels[:2], rows[:2])
    ratio = head.weights / before
    assert ratio[1] == pytest.approx(ratio[3].item()), "absent groups change by the normalisation only"
    assert ratio[0] > ratio[1]


def test_the_invariance_penalty_is_the_product_of_two_halves_gradients() -> None:
    scores, labels = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 2])

    def slope(part: slice) -> torch.Tensor:
        eps = 1e-5
        up, down = (functional.cross_entropy(scores[part] * (1 + e), labels[part]) for e in (eps, -eps))
        return (up - down) / (2 * eps)

    expected = slope(slice(0, None, 2)) * slope(slice(1, None, 2))
    assert losses.irm_penalty(scores, labels).item() == pytest.approx(expected.item(), abs=1e-6)
    scale = nn.Parameter(torch.ones((), dtype=torch.float64))
    losses.irm_penalty(scores * scale, labels).backward()
    assert scale.grad is not None
    assert scale.grad != 0, "it trains what makes the scores"


def test_irm_and_v_rex_are_the_mean_loss_and_the_penalty_over_environments() -> None:
    vectors, labels, rows = head_inputs(7)
    environments = torch.tensor([0, 0, 0, 1, 1, 1, 2])  # the last has one row in the batch and takes no part
    parts = (slice(0, 3), slice(3, 6))
    for kind in (IRMHead, VRExHead):
        head = kind(4, 3, environments, weight=5.0)
        scores = head.scorer(vectors)
        each = [functional.cross_entropy(scores[p], labels[p]) for p in parts]
        penalty = (
            sum(losses.irm_penalty(scores[p], labels[p]) for p in parts) / 2
            if kind is IRMHead
            else (each[0] - each[1]).square() / 4
        )
        assert torch.allclose(head.loss(vectors, labels, rows), sum(each) / 2 + 5 * penalty, atol=1e-6)


@pytest.mark.parametrize("name", ["irm", "v-rex", "coral"])
def test_a_method_gives_its_penalty_the_weight_of_the_configuration(name: str) -> None:
    """From the configuration to the loss: without the penalty, or with another weight, the loss is another number."""
    vectors, labels, rows = head_inputs()
    environments = torch.tensor([0, 0, 0, 1, 1, 1])
    registry.discover()
    strategy = registry.strategies[name].factory()
    params = {**space.defaults(strategy.space), "penalty": 7.0, "begins": 0.5}
    head = strategy.head(4, 3, 0.0, environments, params)
    head.begin(1, 2)  # the full weight begins at the second of two steps
    scores = head.scorer(vectors)
    parts = (slice(0, 3), slice(3, 6))
    each = [functional.cross_entropy(scores[p], labels[p]) for p in parts]
    penalty = {
        "irm": sum(losses.irm_penalty(scores[p], labels[p]) for p in parts) / 2,
        "v-rex": (each[0] - each[1]).square() / 4,
        "coral": losses.coral_penalty([vectors[p] for p in parts]),
    }[name]
    assert abs(float(penalty)) > 1e-4
    early, full = (head.loss(vectors, labels, rows) for _ in range(2))
    assert torch.allclose(full, sum(each) / 2 + 7 * penalty, atol=1e-6)
    early_weight = 7 if name == "coral" else head.EARLY_WEIGHT
    assert torch.allclose(early, sum(each) / 2 + early_weight * penalty, atol=1e-6)


def test_coral_is_the_distance_of_means_and_covariances_and_zero_in_one_environment() -> None:
    a, b = torch.randn(5, 4, dtype=torch.float64), torch.randn(7, 4, dtype=torch.float64)
    means = np.square(a.mean(0).numpy() - b.mean(0).numpy()).mean()
    spreads = np.square(np.cov(a.numpy().T) - np.cov(b.numpy().T)).mean()
    assert losses.coral_penalty([a, b]).item() == pytest.approx(means + spreads)
    assert losses.coral_penalty([a]).item() == 0
    vectors, labels, rows = head_inputs()
    alone = CoralHead(4, 3, torch.zeros(6, dtype=torch.long), weight=10.0)
    plain = functional.cross_entropy(alone.scorer(vectors), labels)
    assert torch.allclose(alone.loss(vectors, labels, rows), plain)


def test_contrast_across_guesses_pulls_a_class_and_pushes_a_guess() -> None:
    vectors = functional.normalize(torch.randn(5, 3), dim=1)
    labels, guesses = torch.tensor([0, 0, 1, 1, 2]), torch.tensor([0, 1, 1, 0, 2])
    # By hand: row 0 pulls 1 and pushes 3; 1 pulls 0 and pushes 2; 2 pulls 3 and pushes 1; 3 pulls 2 and pushes 0.
    similarity = vectors @ vectors.T / 0.2
    pairs = ((0, 1, 3), (1, 0, 2), (2, 3, 1), (3, 2, 0))
    expected = [-torch.log_softmax(similarity[i, [pull, push]], 0)[0] for i, pull, push in pairs]
    whole = losses.guess_contrast(vectors, labels, guesses, 0.2)
    assert torch.allclose(whole, torch.stack(expected).mean(), atol=1e-5), (
        "row 4 has no positive and is not in the mean"
    )
    assert losses.guess_contrast(vectors, labels, labels, 0.2) == 0
    head = GuessContrastHead(3, 3, guesses, share=0.25, temperature=0.2)
    plain = functional.cross_entropy(head.scorer(vectors), labels)
    assert torch.allclose(head.loss(vectors, labels, torch.arange(5)), 0.25 * whole + 0.75 * plain, atol=1e-5)


class RecordingHead(VRExHead):
    """Notes how many moments AdamW has when each loss is computed."""

    def __init__(self, environments: torch.Tensor, start_step: int) -> None:
        super().__init__(5, 3, environments, weight=1e3, start_step=start_step)
        self.changes: list[bool] = []

    def objective_changed(self) -> bool:
        self.changes.append(super().objective_changed())
        return self.changes[-1]


def test_adam_forgets_its_moments_when_the_penalty_switches_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payloads = Payloads.from_list([bytes([97 + i % 3]) * 8 for i in range(24)])
    labels, environments = np.arange(24) % 3, torch.arange(24) % 2
    tower, head = ByteCNN(4, 5, 4, 1), RecordingHead(environments, start_step=4)
    ages: list[int] = []
    step = torch.optim.AdamW.step

    def spy(optimizer: torch.optim.AdamW, *arguments: object) -> object:
        states = list(optimizer.state.values())
        ages.append(int(states[0]["step"]) if states else 0)
        return step(optimizer, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    context = golden.context(("open-redirect", "sql-injection", "path-traversal"), tmp_path)
    inputs = tower.read(payloads, context)
    train(Classifier(tower, head), inputs, labels, None, Settings(1e-3, 2, 8), context)
    assert head.changes == [False, False, False, False, True, False]
    assert ages == [0, 1, 2, 3, 0, 1]


def test_validation_weights_choose_the_epoch(tmp_path: Path) -> None:
    context = golden.context(("open-redirect", "sql-injection", "path-traversal"), tmp_path)
    payloads = Payloads.from_list([bytes([97 + i % 3]) * 8 for i in range(24)])
    labels = np.arange(24) % 3
    scores: list[float] = []
    for weights in (None, np.ones(24), np.where(labels == 0, 100.0, 0.0)):
        torch.manual_seed(0)
        tower, head = ByteCNN(4, 5, 4, 1), VRExHead(5, 3, torch.zeros(24, dtype=torch.long), 0.0)
        reporting = replace(context, report=lambda epoch, score: scores.append(score))
        side = tower.read(payloads, context)
        train(
            Classifier(tower, head),
            side,
            labels,
            (side, labels),
            Settings(1e-2, 1, 8),
            reporting,
            LoopOptions(validation_weights=weights),
        )
        if weights is not None and weights.max() > 1:
            table = TorchPredictor(tower, head.scorer, context).predict_proba(payloads)
            assert scores[-1] == pytest.approx(np.log(table[labels == 0, 0]).mean(), abs=1e-5)
    assert scores[0] == pytest.approx(scores[1])


def test_a_new_last_layer_is_the_weighted_regression_on_the_towers_vectors(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    payloads = Payloads.from_list([bytes(rng.integers(97, 100 + 3 * (i % 2), 12).tolist()) for i in range(60)])
    labels = np.where(np.arange(60) % 2 == 0, 0, 2)
    torch.manual_seed(0)
    context = golden.context(("open-redirect", "sql-injection", "path-traversal"), tmp_path)
    tower = ByteCNN(4, 5, 4, 1)
    predictor = TorchPredictor(tower, Linear(5, 3), context)
    weights = groups.balancing_weights(rng.integers(2, size=60))
    last_layer.refit(predictor, TrainingData(payloads, labels), weights, 1.0, context)
    vectors = predictor.embed(payloads).astype(float)
    strength = last_layer.REFERENCE_ROWS / len(labels)
    plain = LogisticRegression(
        C=strength, l1_ratio=1.0, solver="saga", max_iter=2000, tol=1e-2, random_state=context.seed
    )
    plain.fit((vectors - vectors.mean(0)) / vectors.std(0), labels, sample_weight=weights)
    expected = plain.predict_proba((vectors - vectors.mean(0)) / vectors.std(0))
    table = predictor.predict_proba(payloads)
    assert np.allclose(table[:, [0, 2]], expected, atol=1e-4)
    assert table[:, 1].max() < 1e-6, "a class without a row is never predicted"


REQUEST = b"GET /%b?%b=%b HTTP/1.1\r\nHost: %b.example\r\nUser-Agent: curl/8.0\r\n\r\n"
FORM = (
    b"POST /%b HTTP/1.1\r\nHost: %b.example\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: %d\r\n\r\nq=%b"
)


def span_of(payload: bytes, attack: bytes) -> tuple[int, int]:
    return payload.index(attack), payload.index(attack) + len(attack)


def test_an_attack_moves_into_another_classes_carrier_of_the_same_place() -> None:
    query = [REQUEST % (b"a", b"x", b"attack0", b"h0"), REQUEST % (b"b", b"y", b"attack1long", b"h1")]
    form = [FORM % (b"c", b"h2", 9, b"attack2"), FORM % (b"d", b"h3", 14, b"attack3_long")]
    other = [REQUEST % (b"e", b"z", b"attack4", b"h4")]
    payloads = [*query, *form, *other]
    attacks = [b"attack0", b"attack1long", b"attack2", b"attack3_long", b"/e"]
    spans = tuple(span_of(p, a) for p, a in zip(payloads, attacks, strict=True))
    data = TrainingData(Payloads.from_list(payloads), np.array([0, 1, 0, 1, 2]), spans=spans)
    mixed = carriers.mix(data, 1, np.random.default_rng(0))
    rows = list(mixed.data.payloads)
    assert rows[:5] == payloads
    assert rows[5] == REQUEST % (b"b", b"y", b"attack0", b"h1")
    assert rows[6] == REQUEST % (b"a", b"x", b"attack1long", b"h0")
    assert rows[7] == FORM % (b"d", b"h3", 9, b"attack2"), "the length is that of the new body"
    assert rows[8] == FORM % (b"c", b"h2", 14, b"attack3_long")
    assert mixed.data.labels.tolist() == [0, 1, 0, 1, 2, 0, 1, 0, 1]
    assert mixed.without_slot == 1, "no other class has an attack in its path"
    assert "1 training rows without another slot keep theirs" in mixed.note


def test_without_spans_only_plain_headers_of_client_and_host_are_exchanged() -> None:
    payloads = [
        b"GET /a?x=1 HTTP/1.1\r\nHost: one.example\r\nUser-Agent: curl/8.0\r\nX-Key: v1\r\n\r\n",
        b"POST /b HTTP/1.1\nUser-Agent: ${jndi:x}\nHost: two.example\nContent-Type: text/plain\n\nbody",
        b"no request",
    ]
    data = TrainingData(Payloads.from_list(payloads), np.array([0, 1, 2]), spans=((), (), ()))
    mixed = carriers.mix(data, 8, np.random.default_rng(0))
    new = list(mixed.data.payloads)[3:]
    assert set(new) == {
        b"GET /a?x=1 HTTP/1.1\r\nHost: two.example\r\nX-Key: v1\r\n\r\n",
        b"POST /b HTTP/1.1\nUser-Agent: ${jndi:x}\nHost: one.example\nContent-Type: text/plain\n\nbody",
    }
    assert (mixed.without_slot, mixed.by_headers, mixed.without_headers) == (0, 2, 1)


def test_mixed_payloads_of_the_benchmark_keep_the_attack_and_change_the_host(cache: Path) -> None:
    data, _, _, _ = golden.tiny(frozenset({"span"}))
    mixed = carriers.mix(data, 2, np.random.default_rng(0))
    added = len(mixed.data) - len(data)
    assert added == 2 * (len(data) - mixed.without_slot)
    moved = 0
    for number in range(len(data), len(mixed.data)):
        new = mixed.data.payloads[number]
        assert not Message.of("", new, "").request.malformed
        of_class = [i for i in range(len(data)) if data.labels[i] == mixed.data.labels[number]]
        attacks = [Message.of("", data.payloads[i], "", data.spans[i]).ranges for i in of_class]
        moved += any(all(part in new for part in attack) for attack in attacks)
    assert moved == added


@pytest.mark.parametrize("name", ROBUST)
def test_a_saved_robust_predictor_predicts_the_same(name: str, tmp_path: Path, cache: Path) -> None:
    registry.discover()
    info = registry.method(name)
    training, validation, test, classes = golden.tiny(info.tags)
    counted: list[int] = []
    context = replace(
        golden.context(classes, tmp_path),
        count=lambda examples, steps: counted.append(examples),
        should_stop=lambda: len(counted) > 3,  # training ends, and a predictor is there
    )
    method = info.factory()
    predictor = method.fit(training, validation, space.defaults(info.space), context)
    assert 1 <= len(counted) <= 12, "one count by L-BFGS, one a step by gradient training, which ends"
    folder = tmp_path / "saved"
    folder.mkdir()
    predictor.save(folder)
    table = method.load(folder, context).predict_proba(test.payloads)
    assert np.array_equal(table, predictor.predict_proba(test.payloads))
    assert "arXiv" in info.reference


def test_penalties_that_need_two_environments_say_when_there_is_one(tmp_path: Path, cache: Path) -> None:
    registry.discover()
    training, validation, _, classes = golden.tiny(frozenset({"groups"}))
    one = replace(training, environments=np.zeros_like(training.environments))
    context = replace(golden.context(classes, tmp_path), should_stop=lambda: True)
    for name in ("coral:byte-cnn", "v-rex:byte-cnn"):
        info = registry.method(name)
        fit = info.factory().fit
        assert not fit(training, validation, space.defaults(info.space), context).notes
        assert "one environment" in fit(one, validation, space.defaults(info.space), context).notes[0]


def test_where_there_is_one_environment_coral_is_its_control_and_else_it_is_not(tmp_path: Path, cache: Path) -> None:
    registry.discover()
    training, validation, test, classes = golden.tiny(frozenset({"groups"}))

    def table(name: str, train: TrainingData) -> np.ndarray:
        steps: list[int] = []
        context = replace(
            golden.context(classes, tmp_path),
            count=lambda examples, done: steps.append(done),
            should_stop=lambda: len(steps) > 8,
        )
        info = registry.method(name)
        predictor = info.factory().fit(train, validation, space.defaults(info.space), context)
        return predictor.predict_proba(test.payloads)

    one = replace(training, environments=np.zeros_like(training.environments))
    assert np.array_equal(table("coral:byte-cnn", one), table("control-no-penalty:byte-cnn", one))
    assert not np.array_equal(table("coral:byte-cnn", training), table("control-no-penalty:byte-cnn", training))


@pytest.mark.parametrize("learner", ["byte-cnn", "ngrams"])
def test_copies_and_their_control_make_as_many_passes(learner: str, cache: Path, tmp_path: Path) -> None:
    registry.discover()
    training, validation, _, classes = golden.tiny(frozenset({"span"}))
    calls = {}
    for name in ("carrier-mix", "header-mix", "field-dropout", "control-more-passes"):
        spy = Spy()
        strategy = registry.strategies[name].factory()
        params = {**space.defaults(strategy.space), "copies": 3}
        strategy.fit(spy, training, validation, params, golden.context(classes, tmp_path))
        ((rows, passes),) = spy.calls
        calls[name] = rows, passes
        assert passes == PASSES / 4
    assert (
        calls["header-mix"] == calls["field-dropout"] == calls["control-more-passes"] == (4 * len(training), PASSES / 4)
    )
    assert calls["carrier-mix"][0] <= 4 * len(training)


class Spy(Learner):
    """Notes the rows and passes that it is trained with."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, float]] = []

    def fit(
        self,
        train: TrainingData,
        validation: TrainingData | None,
        params: Params,
        context: Context,
        training: Training = PLAIN_TRAINING,
    ) -> Predictor:
        self.calls.append((len(train), training.passes))
        return Nothing()


class Nothing(Predictor):
    notes = ()

    def predict_proba(self, payloads: Payloads) -> np.ndarray:
        raise NotImplementedError
