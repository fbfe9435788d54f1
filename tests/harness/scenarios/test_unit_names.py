"""Names of resampling units: CVEs, or what the scenario holds out."""

from harness.scenarios.unit_names import trained_cves, unit_names
from tests.harness.scenarios.test_generic import draw, requests
from tests.harness.scenarios.test_training_texts import by_hand


def test_units_are_cves_where_cves_are_held_out_or_nothing_is() -> None:
    data = requests()
    for name in ("random", "cve-disjoint", "group-disjoint", "temporal"):
        assert unit_names(data, draw(data, name)) == data.table.column("cve").to_pylist()


def test_units_are_the_products_sources_or_clusters_that_are_held_out() -> None:
    data = requests()
    products = data.table.column("product").to_pylist()
    scenario = draw(data, "product-disjoint")
    names = unit_names(data, scenario)
    assert {name for name, product in zip(names, products, strict=True) if product} == {
        f"product {product}" for product in products if product
    }
    assert all(name.startswith("product #") for name, product in zip(names, products, strict=True) if not product)
    assert len(set(names)) == len(set(scenario.unit.tolist()))
    assert set(unit_names(data, draw(data, "cluster-disjoint"))) == {
        f"attack cluster {unit}" for unit in set(draw(data, "cluster-disjoint").unit.tolist())
    }


def test_without_cves_units_are_numbered() -> None:
    data = requests(**{"cve": None, "group.cve": None})
    scenario = draw(data, "random")
    assert unit_names(data, scenario) == [str(unit) for unit in scenario.unit.tolist()]
    assert trained_cves(data, scenario, unit_names(data, scenario)) == set()


def test_trained_cves_are_those_of_training_rows() -> None:
    data = requests()
    scenario = draw(data, "random")
    names = unit_names(data, scenario)
    assert trained_cves(data, scenario, names) == {names[row] for row in scenario.train.rows}
    product = draw(data, "product-disjoint")
    assert trained_cves(data, product, unit_names(data, product)) == set()


def test_a_cve_of_validation_alone_is_not_trained() -> None:
    data, scenario = by_hand()  # a CVE in each part
    assert trained_cves(data, scenario, unit_names(data, scenario)) == {"CVE-2020-0001"}
