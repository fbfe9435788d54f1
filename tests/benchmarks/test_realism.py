import pytest
from harness.benchmarks.synthetic import cards

from tests.conftest import SHARED
from tests.tools import realism

pytestmark = pytest.mark.skipif(
    not (SHARED / "nuclei_dev.jsonl.gz").exists(), reason=f"{SHARED / 'nuclei_dev.jsonl.gz'} is absent"
)


def name(product: str) -> str:
    return product.lower().replace(" ", "_").replace("-", "_")


def test_no_card_is_of_a_product_of_half_b() -> None:
    reserved = {name(row["product"]) for row in realism.nuclei_rows() if realism.half(row["product"]) == "B"}
    assert reserved
    assert not [card.cve for card in cards.load() if name(card.product) in reserved]


@pytest.mark.slow
def test_what_synthetic_teaches_carries_to_real_requests(cache: object) -> None:
    synthetic, cves = realism.synthetic_rows()
    mean, each = realism.transfer(synthetic, realism.nuclei_half("A", cves))
    print(f"synthetic → A: {mean:.3f} {each}")
    assert mean >= 0.40
