"""Encoders, learners, negatives and copies of the user's choice, on small encoders with random weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness.methods.neural.negatives import same_carrier

from harness import MethodRef, Payloads, TrainingData, UserError, registry, space
from tests.conftest import Shell
from tests.methods.test_encoders import small_encoder
from tests.tools import golden

registry.discover()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_encoder(tmp_path_factory.mktemp("encoder") / "bert", "bert"))


def opened(family: str, argument: str):
    return registry.open_method(MethodRef(family, argument))


@pytest.mark.parametrize(
    ("family", "argument", "words"),
    [
        ("transformer", "no/such-encoder", "neither a folder nor in the Hugging Face cache"),
        ("transformer", "trained=0", "it must be a number of layers"),
        ("transformer", "trained=1:trained=2", "given twice"),
        ("text-guided", "copy=header-mix", "there is no option copy; did you mean copies"),
        ("text-guided", "copies=both", "copies=both is not valid"),
        ("text-guided", "lstm", "there is no learner lstm"),
        ("text-guided", "ngrams:trained=1", "trained= is an option of the learner encoder, not of ngrams"),
        ("text-guided", "ngrams:copies=header-mix:negatives=same-carrier", "cannot be combined"),
    ],
)
def test_a_wrong_option_is_one_sentence(family: str, argument: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        _ = opened(family, argument).adapter
    assert len(str(caught.value).splitlines()) == 1


def test_other_weights_under_the_same_name_are_another_method(tmp_path: Path) -> None:
    one = opened("transformer", str(small_encoder(tmp_path / "a", "bert"))).adapter
    two = opened("transformer", str(small_encoder(tmp_path / "b", "distilbert"))).adapter
    assert one["encoder"] != two["encoder"]


@pytest.mark.parametrize(
    "argument",
    ["encoder={0}:text-encoder={0}", "encoder={0}:text-encoder={0}:trained=whole:text-tower=trained",
     "byte-cnn:text-encoder={0}", "ngrams:negatives=same-carrier:text-encoder={0}",
     "byte-cnn:copies=header-mix:text-encoder={0}", "learner=ngrams:copies=carrier-mix:text-encoder={0}"],
)  # fmt: skip
def test_text_guided_takes_other_parts(argument: str, small: str, tmp_path: Path, cache: Path) -> None:
    info = opened("text-guided", argument.format(small))
    train, validation, test, classes = golden.tiny()
    if "span" in info.tags:
        train, validation = (
            replace(part, spans=tuple((4, min(20, len(payload))) for payload in part.payloads))
            for part in (train, validation)
        )
    context = golden.context(classes, tmp_path)
    predictor = info.factory().fit(train, validation, space.defaults(info.space), context)
    table = predictor.predict_proba(test.payloads)
    assert np.allclose(table.sum(1), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(predictor.embed(test.payloads), axis=1), 1, atol=1e-5)
    folder = tmp_path / "saved"
    folder.mkdir()
    predictor.save(folder)
    assert np.array_equal(info.factory().load(folder, context).predict_proba(test.payloads), table)


def test_a_run_on_another_encoder_names_it_on_the_board(small: str, shell: Shell, mapped: tuple[str, ...]) -> None:
    done = shell(
        "run", "--method", f"transformer:{small}:trained=2,majority", *mapped, "--scenario", "random", "--trials", 1
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(p.read_text()) for p in shell.folder.glob("results/local/*/*/*.json")]
    (record,) = (r for r in records if r["cell"]["method"].startswith("transformer:"))
    assert record["cell"]["adapter"]["trained"] == 2
    assert record["provenance"]["shared_seconds"] > 0


def test_hard_negatives_are_rows_of_another_class_with_the_nearest_carrier() -> None:
    rows = [b"GET /shop?id=AAAA HTTP/1.1", b"GET /blog?q=BBBB HTTP/1.1", b"GET /shop?id=CCCC HTTP/1.1",
            b"GET /blog?q=DDDD HTTP/1.1", b"GET /shop?id=EEEE HTTP/1.1"]  # fmt: skip
    spans = tuple((row.index(b"=") + 1, row.index(b"=") + 5) for row in rows)
    data = TrainingData(Payloads.from_list(rows), np.array([0, 0, 1, 1, 0]), spans=(*spans[:4], ()))
    assert same_carrier(data).tolist() == [2, 3, 0, 1, -1], "a row whose span is not known has none"
