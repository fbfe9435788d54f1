import pytest

from harness import Categorical, Float, Method, UserError, register_method, registry


def test_discovers_the_built_ins() -> None:
    registry.discover()
    assert {"majority", "tfidf-logreg", "tfidf-xgboost"} <= set(registry.methods())
    assert {"files", "synthetic"} <= set(registry.benchmarks())


def test_an_unknown_name_offers_the_nearest() -> None:
    registry.discover()
    with pytest.raises(UserError, match="did you mean tfidf-xgboost"):
        registry.method("tfidf-xgbost")


def test_a_name_is_taken_once() -> None:
    registry.discover()
    with pytest.raises(UserError, match=r"majority is registered twice, by harness\.methods\.majority and by"):

        @register_method("majority", version=1, summary="")
        class Second(type(registry.method("majority").factory())):  # type: ignore[misc]
            pass


def test_a_method_without_fit_is_refused() -> None:
    with pytest.raises(UserError, match="method typo: Typo does not define fit"):

        @register_method("typo", version=1, summary="")
        class Typo(Method):
            def fitt(self) -> None:
                pass


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        ({"a": Float(1.0, 0.0, default=0.5)}, "low"),
        ({"a": Float(0.0, 1.0, default=2.0)}, "default"),
        ({"a": Float(0.0, 1.0, default=0.5, log=True)}, "log=True"),
        ({"a": Categorical(("x",), default="y")}, "not among"),
        ({"a": 3}, "is 3"),
    ],
)
def test_a_malformed_space_is_refused(space: dict[str, object], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        register_method("malformed", version=1, summary="")(type("Malformed", (Method,), {"space": space}))


@pytest.mark.parametrize("name", ["", "Has Capitals", "under_score", "dot.dot"])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="a-z"):
        register_method(name, version=1, summary="")(type("Odd", (Method,), {}))
