import gzip
import json
from pathlib import Path

import pytest
from harness.benchmarks.synthetic import cards

from tests.tools import realism


def name(product: str) -> str:
    return product.lower().replace(" ", "_").replace("-", "_")


def reserved(path: Path) -> set[str]:
    return {name(row["product"]) for row in realism.nuclei_rows(path) if realism.half(row["product"]) == "B"}


def cards_of(products: set[str]) -> list[str]:
    return [card.cve for card in cards.load() if name(card.product) in products]


def test_no_card_is_of_a_product_of_half_b(nuclei_dev: Path) -> None:
    assert reserved(nuclei_dev)
    assert not cards_of(reserved(nuclei_dev))


def test_a_card_of_a_product_of_half_b_would_be_found(tmp_path: Path) -> None:
    card = next(card for card in cards.load() if realism.half(card.product) == "B")
    row = {"role": "single", "family": "xss", "product": card.product.upper()}
    table = tmp_path / "rows.jsonl.gz"
    for changes, found in (({}, True), ({"role": "login_step"}, False), ({"family": "auth_bypass"}, False)):
        table.write_bytes(gzip.compress(json.dumps(row | changes).encode()))
        assert (card.cve in cards_of(reserved(table))) == found


@pytest.mark.slow
def test_what_synthetic_teaches_carries_to_other_requests(cache: object, nuclei_dev: Path) -> None:
    synthetic, cves = realism.synthetic_rows()
    mean, each = realism.transfer(synthetic, realism.nuclei_half("A", cves, nuclei_dev))
    print(f"synthetic → A: {mean:.3f} {each}")
    assert mean >= 0.40
