"""The parts that a page is made of: bytes as text, embedded JSON."""

import json

import numpy as np
import pytest

from harness.boards.build import Rules, boards
from harness.report.charts import charts
from harness.report.figures import label
from harness.report.page import embedded
from harness.report.payloads import MAX_BYTES, excerpt
from harness.safe_text import visible
from harness.statistics.robustness import logit
from tests.harness.boards.boards import records


def test_bytes_that_do_not_print_are_escaped_and_distinguishable() -> None:
    assert visible(b"a\\n\r\n\x00\xe2\x80\xae<b>") == [
        ("a\\n", False),
        (r"\r\n\x00\xe2\x80\xae", True),
        ("<b>", False),
    ]
    assert visible(b"") == []


def test_every_byte_of_a_payload_is_shown_once() -> None:
    payload = bytes(range(256)) + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    found = excerpt(payload, (3, 40, 260, 262), np.linspace(0, 1, len(payload)))
    whole = "".join(text for text, _ in visible(payload))
    assert "".join(piece.text for piece in found.pieces) == whole
    assert (found.before, found.after) == (0, 0)
    attacked = "".join(piece.text for piece in found.pieces if piece.attack)
    assert attacked == "".join(t for t, _ in visible(payload[3:40])) + "".join(t for t, _ in visible(payload[260:262]))
    assert {piece.level for piece in found.pieces} == {0, 1, 2, 3}


def test_a_long_payload_is_shown_around_its_attack_and_the_rest_counted() -> None:
    found = excerpt(b"x" * 9000, (5000, 5010))
    assert found.before == 4800
    assert found.after == 9000 - 4800 - MAX_BYTES
    assert sum(len(piece.text) for piece in found.pieces) == MAX_BYTES


def test_embedded_json_cannot_end_its_element() -> None:
    value = {"</script>": "<!--<script>&amp;\u2028"}
    text = embedded(value)
    assert not set("<>&") & set(text)
    assert json.loads(text) == value


def test_plotly_gets_no_markup() -> None:
    assert label("<b>x</b> &lt;") == "&lt;b&gt;x&lt;/b&gt; &amp;lt;"
    assert len(label("x" * 100)) == 28


def test_the_line_of_the_baselines_is_drawn_where_it_was_fitted() -> None:
    skills = {"a": 0.8, "b": 0.7, "c": 0.6, "d": 0.5, "e": 0.4, "majority": 0.05}
    rules = Rules(lambda record: False, lambda preset: True, lambda method: ())
    (board,) = boards(records(skills, seeds=2), rules)
    chart = next(chart for chart in charts(board, "x") if chart.name == "x-against-id")
    line, low, high = (
        next(trace for trace in chart.figure["data"] if trace["name"] == name)
        for name in ("line of the baselines", "95 % prediction band, low", "95 % prediction band, high")
    )
    assert board.robustness is not None
    fit = board.robustness.line
    assert fit is not None
    for x, y, below, above in zip(line["x"], line["y"], low["y"], high["y"], strict=True):
        assert logit(y) == pytest.approx(fit.intercept + fit.slope * logit(x), abs=0.01)
        assert below < y < above
    points = {trace["name"]: (trace["x"][0], trace["y"][0]) for trace in chart.figure["data"] if len(trace["x"]) == 1}
    assert points == {row.method: (row.id, row.score.mean) for row in board.rows if row.score}
