"""Overlap with descriptions, drift, duplicates, the nearest-neighbour probe, and escaping of text."""

import numpy as np
import pyarrow as pa

from harness import Corpus, Environment, EnvironmentSpec, Payloads, Rendered, Scenario, ScenarioSpec, StoredRows
from harness.auditing.description_overlap import description_overlaps
from harness.auditing.disagreement import repetition
from harness.auditing.draws import RenderedPart, ScenarioDraw
from harness.auditing.drift import drifts
from harness.auditing.examine import single_class_notes
from harness.auditing.neighbour import nearest_labels
from harness.auditing.text import decoded, markdown, one_line, readable
from tests.harness.auditing.corpora import corpus


def test_text_that_a_payload_shares_with_its_description_is_counted_and_named() -> None:
    texts = ["The Export.cgi page of Foo reads files.", "Another one entirely."]
    payloads = [b"GET /cgi/EXPORT%2ecgi?x=1", b"GET /other", b"GET /nothing", b"GET /export.cgi"]
    table = pa.table(
        {
            "sample": list("pqrs"),
            "payload": pa.array(payloads, pa.large_binary()),
            "label": ["a", "a", "b", "b"],
            "description_id": ["0", "1", "1", None],
        }
    )
    data = Corpus.create("described", table, pa.table({"description_id": ["0", "1"], "text": texts}))
    first, second = description_overlaps(data, np.array([0, 1, 1, -1]))
    assert (first.described, first.rows, first.runs) == (2, 1, ((b"export.cgi", 1),))
    assert (second.described, second.rows, second.runs) == (1, 0, ())


def part(labels: list[int], lengths: list[int]) -> RenderedPart:
    payloads = Payloads.from_list(b"x" * n for n in lengths)
    return RenderedPart(np.arange(len(labels)), np.array(labels), Rendered(payloads, [None] * len(labels)))


def test_drift_is_the_distance_of_classes_and_lengths_from_training() -> None:
    spec = ScenarioSpec("s", "none", "", {"same": EnvironmentSpec(), "other": EnvironmentSpec()})
    nothing = Environment(StoredRows(np.arange(0)))
    scenario = Scenario(spec, nothing, nothing, {}, np.arange(0))
    train = part([0, 0, 1, 1], [10, 20, 30, 40])
    tests = {"same": train, "other": part([1, 1, 1, 1], [50, 60, 70, 80])}
    own, same, other = drifts(ScenarioDraw(scenario, 0, train, train, tests), 2)
    assert (own.part, own.class_distance, own.length_distance, own.length_p) == ("train", 0, 0, 1)
    assert (same.class_distance, same.length_distance) == (0, 0)
    assert (other.class_distance, other.length_distance, other.quantiles[1]) == (0.5, 1, 60)


def test_near_duplicates_with_different_labels_are_counted_and_listed() -> None:
    payloads = [b"one", b"one", b"two", b"two!", b"three", b"four"]
    data = corpus(payloads, ["a", "b", "a", "a", "b", "b"])
    copies = np.array([0, 0, 1, 2, 3, 4])
    result = repetition(data, copies, np.array([-1, -1, 7, 7, -1, -1]))
    assert (result.copies, result.alike, result.clusters, result.disagreeing) == (2, 4, 1, 2)
    (example,) = result.examples
    assert (example.samples, example.labels, example.payload) == (("row-0", "row-1"), ("a", "b"), b"one")


def test_the_nearest_neighbour_is_the_payload_with_most_in_common() -> None:
    train = Payloads.from_list([b"GET /alpha/page?id=1", b"POST /omega/form", b""])
    test = Payloads.from_list([b"POST /omega/other", b"GET /alpha/page?id=2", b"abc"])
    assert nearest_labels(train, np.array([4, 5, 6]), test).tolist() == [5, 4, 4]


def test_hostile_text_is_escaped() -> None:
    assert one_line(b"\x1b[2Jred\x00\r\n") == "\\x1b[2Jred\\x00\\x0d\\x0a"
    assert one_line(b"caf\xc3\xa9 \xff") == "café \\xff"
    assert one_line("left\u202eright\ud800") == "left\\u202eright\\ud800"
    assert one_line(b"  x ") == "␣␣x␣"
    assert one_line(b"   ") == "␣␣␣"
    assert one_line("y" * 100, 10) == "y" * 9 + "…"
    assert len(one_line(b"\x00" * 100, 10)) == 10


def test_markdown_shows_text_as_it_is() -> None:
    assert markdown("alert(document.domain)") == "alert(document.domain)"
    assert markdown("/etc/passwd a_b") == "/etc/passwd a_b"
    hostile = "|`<b>*x*_y_ [l](http://x) www.x.org # \\ &amp; @me ~~z~~ $m$"
    assert not set("|`<>*[]\\#@~$") & set(markdown(hostile).replace("&#", ""))
    assert "http://" not in markdown(hostile)
    assert "www." not in markdown(hostile)
    assert "\n" not in markdown("a\nb")


def test_text_is_decoded_to_a_fixed_point_and_read_without_the_version() -> None:
    assert decoded(b"a%252Fb+c") == b"a/b c"
    assert readable(b"GET /x%20y HTTP/1.1\r\nHost: h") == b"GET /x y\r\nHost: h"
    assert readable(b"GET /x\r\nA: HTTP/1.1") == b"GET /x\r\nA: HTTP/1.1"


def test_a_test_of_a_single_class_is_noted() -> None:
    spec = ScenarioSpec("s", "source", "", {"id": EnvironmentSpec(), "test": EnvironmentSpec(shifted=True)})
    nothing = Environment(StoredRows(np.arange(0)))
    scenario = Scenario(spec, nothing, nothing, {}, np.arange(0))
    train = part([0, 1, 2], [1, 1, 1])
    draw = ScenarioDraw(scenario, 4, train, train, {"id": train, "test": part([1, 1], [1, 1])})
    assert list(single_class_notes(draw, ("a", "b", "c"))) == [
        "s/test, seed 4: all 2 test rows are b; a test of one class is not scored"
    ]
