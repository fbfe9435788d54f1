"""Guarantees of the synthetic benchmark: probes within their bounds, no leaks, facts that agree."""

import gzip
import json
import os
from collections import Counter

import numpy as np
import pytest
from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.scenarios import RHO

from harness import Benchmark, Corpus, Sizes
from harness.data import near_duplicates
from harness.protocol import FEWEST_RARE
from harness.scenarios import splits
from tests.conftest import SHARED, Shell
from tests.tools import figures
from tests.tools.figures import LARGE, draw

ROUNDS = 6 if os.environ.get("HARNESS_FULL_ROUNDS") else 2


@pytest.fixture(scope="module")
def opened(cache: object) -> tuple[Benchmark, Corpus]:
    return figures.open_synthetic()


@pytest.fixture
def synthetic(opened: tuple[Benchmark, Corpus]) -> Benchmark:
    return opened[0]


@pytest.fixture
def corpus(opened: tuple[Benchmark, Corpus]) -> Corpus:
    return opened[1]


@pytest.mark.parametrize("probe", figures.PROBES)
def test_a_part_of_the_input_tells_little(synthetic: Benchmark, corpus: Corpus, probe: str) -> None:
    mean = np.mean(figures.probe_scores(synthetic, corpus, probe, ROUNDS))
    print(f"probe {probe}: {mean:.3f}")
    low, high = figures.PROBES[probe]
    assert low <= mean <= high


def test_descriptions_tell_the_class_on_unseen_cves(synthetic: Benchmark, corpus: Corpus) -> None:
    mean = np.mean(figures.description_scores(synthetic, corpus, ROUNDS))
    print(f"description text alone on cve-disjoint: {mean:.3f}")
    assert 0.80 <= mean <= 0.97


@pytest.mark.parametrize(("name", "rho"), {"iid": 0.0, **RHO}.items())
def test_planted_cues_are_correlated_as_designed(synthetic: Benchmark, corpus: Corpus, name: str, rho: float) -> None:
    aligned, flipped = figures.cue_scores(synthetic, corpus, name, ROUNDS)
    design = rho + (1 - rho) / len(corpus.classes)
    print(f"cue-only probe on {name}/id: {np.mean(aligned):.3f}, by design {design:.3f}")
    assert np.mean(aligned) == pytest.approx(design, abs=0.03)
    assert not any(flipped)


def test_the_card_is_of_this_corpus(corpus: Corpus) -> None:
    assert corpus.meta.hash in figures.CARD.read_text(encoding="utf-8"), "run `python -m tests.tools.figures`"


def test_no_near_duplicates_across_cves_and_none_across_sides(synthetic, corpus) -> None:
    payloads = list(corpus.payloads(np.arange(len(corpus))))
    assert len(set(payloads)) == len(payloads)
    cluster = figures.cluster_of_row(corpus)
    share = figures.across_cves(corpus, cluster)
    print(f"near-duplicate rows across CVEs: {share:.2%}")
    assert share <= 0.02
    core = corpus.codes("core")[0]
    for spec in synthetic.scenarios():
        scenario = draw(synthetic, corpus, spec.name, 1, Sizes())
        train = np.concatenate([scenario.train.rows, scenario.validation.rows])
        for name, environment in scenario.environments.items():
            assert not set(core[train]) & set(core[environment.rows]), (spec.name, name)
            side = np.full(len(corpus), -1)
            side[train], side[environment.rows] = 0, 1
            assert not near_duplicates.crossing(cluster, side).any(), (spec.name, name)


def test_disjoint_scenarios_keep_their_attribute_apart(synthetic, corpus) -> None:
    for name, columns in (
        ("cve-disjoint", ["cve"]),
        ("product-disjoint", ["cve", "product"]),
        ("technique-disjoint", ["group.technique", "cve"]),
        ("cluster-disjoint", ["cve"]),
        ("embedding-disjoint", ["cve"]),
    ):
        for seed in range(6):
            scenario = draw(synthetic, corpus, name, seed)
            rows = np.concatenate([scenario.train.rows, scenario.validation.rows, scenario.environments["id"].rows])
            for column in columns:
                codes = corpus.codes(column)[0]
                assert not set(codes[rows]) & set(codes[scenario.environments["test"].rows]), (name, column)


def test_rare_class_falls_in_training_and_is_balanced_in_the_test(synthetic, corpus) -> None:
    scenario = draw(synthetic, corpus, "rare-class", 0)
    train = np.bincount(corpus.labels[scenario.train.rows], minlength=11)
    test = np.bincount(corpus.labels[scenario.environments["test"].rows], minlength=11)
    assert train.min() == FEWEST_RARE
    # Counts are rounded down to whole rows: 4.9 of the rarest class are 4.
    assert train.max() / train.min() == pytest.approx(splits.tail_ratio(11, LARGE.train, 100.0), rel=0.25)
    assert test.max() / test.min() < 2
    assert len(scenario.train.rows) == pytest.approx(LARGE.train, rel=0.05)


def test_no_description_shares_eight_bytes_with_its_attacks() -> None:
    def runs(text: str) -> set[str]:
        return {text[i : i + 8] for i in range(len(text) - 7)}

    for card in cards.load():
        description = runs(card.description.lower())
        for core in card.cores:
            overlap = description & runs(core.text.replace(cards.PROOF, "\0").lower())
            assert not overlap, (card.cve, sorted(overlap)[0], core.text)


def test_descriptions_follow_no_template() -> None:
    for name in {card.threat_class for card in cards.load()}:
        texts = [t.description for t in (*cards.load(), *cards.load_texts()) if t.threat_class == name]
        grams = Counter(
            gram
            for words in (text.lower().split() for text in texts)
            for gram in {" ".join(words[i : i + 6]) for i in range(len(words) - 5)}
        )
        gram, count = grams.most_common(1)[0]
        assert count <= 0.05 * len(texts), (name, gram)


def test_no_product_dominates_a_class_and_both_sides_of_2021_are_there() -> None:
    for name in {card.threat_class for card in cards.load()}:
        own = [card for card in cards.load() if card.threat_class == name]
        assert max(Counter(card.product for card in own).values()) <= max(2, 0.05 * len(own))
        assert min(card.year for card in own) < 2021 <= max(card.year for card in own)


def test_facts_are_compared_with_a_table(shell: Shell) -> None:
    """As with the public table below, which a bare clone lacks: here the table is written from the cards."""
    rows = [
        {"cve": c.cve, "class": c.threat_class, "vendor": c.vendor, "product": c.product, "cwe": list(c.cwe)}
        for c in (*cards.load(), *cards.load_texts())
    ]
    table = shell.folder / "facts.jsonl.gz"

    def compare() -> tuple[int, str]:
        table.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
        process = shell("data", "info", "synthetic", "--facts", table)
        return process.returncode, process.stdout + process.stderr

    code, text = compare()
    assert code == 0, text
    assert "0 CVEs disagree" in text
    rows[0]["product"] = "another product"
    code, text = compare()
    assert code == 1, text
    assert "1 CVEs disagree" in text
    assert str(rows[0]["cve"]) in text


def test_facts_agree_with_the_table(shell: Shell) -> None:
    table = SHARED / "cve_facts.jsonl.gz"
    if not table.exists():
        pytest.skip(f"{table} is absent")
    process = shell("data", "info", "synthetic", "--facts", table)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "0 CVEs disagree" in process.stdout
    with gzip.open(table, "rt") as stream:
        facts = {(r["cve"], r["class"]): r for r in map(json.loads, stream)}
    for text in cards.load_texts():
        fact = facts[text.cve, text.threat_class]
        assert (fact["vendor"], fact["product"], tuple(fact["cwe"])) == (text.vendor, text.product, text.cwe)
    broken = shell.folder / "facts.jsonl"
    broken.write_text("{}\n", encoding="utf-8")
    assert shell("data", "info", "synthetic", "--facts", broken).returncode == 2
