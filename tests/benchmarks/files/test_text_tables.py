"""Text tables of any separator and encoding, and quotes that do not pair."""

import codecs
import contextlib
import csv
import gzip
import io
import time
from pathlib import Path

import pytest
from harness.benchmarks.files import readers
from harness.benchmarks.files.formats import text_table

from harness import UserError
from harness.sources import SourceTally
from tests.benchmarks.files.reading import load, pairs, payloads

KINDS = ("benign", "sqli", "xss")
ROWS = [(f"/page{i}?q={i}", KINDS[i % 3]) for i in range(600)]


def lines(rows: list[tuple[str, str]] = ROWS, separator: str = ",", end: str = "\n") -> list[str]:
    return [separator.join(row) + end for row in [("raw", "kind"), *rows]]


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def quoted(rows: list[tuple[str, ...]], separator: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def expected(rows: list[tuple[str, str]]) -> list[tuple[bytes, str]]:
    return [(raw.encode(), kind) for raw, kind in rows]


REQUEST = 'POST /a?x=1,2 HTTP/1.1\r\nHost: h.example\r\nAccept: text/html,text/css\r\n\r\nname="é"\r\n'


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.txt", "x"])
def test_the_header_says_the_separator(tmp_path: Path, separator: str, name: str) -> None:
    rows = [(REQUEST, "a"), ("GET /", "b")]
    path = written(tmp_path / name, quoted([("raw", "kind"), *rows], separator))
    assert pairs(load(path)) == expected(rows)


def test_the_mapped_columns_decide_between_two_separators(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "raw;kind;a,b\nGET /;a;1,2\nPUT /;b;3\n")
    assert pairs(load(path)) == [(b"GET /", "a"), (b"PUT /", "b")]
    with pytest.raises(UserError, match="has no column kin; did you mean kind"):
        load(path, {"payload": "raw", "label": "kin"})


def test_the_line_of_excel_that_names_the_separator_is_not_the_header(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "\ufeffsep=;\r\nraw;kind\r\n/a,b;x\r\n/c;y\r\n/d\r\n" + "/e;y\r\n" * 200)
    corpus = load(path)
    assert pairs(corpus)[:2] == [(b"/a,b", "x"), (b"/c", "y")]
    assert "line 5: 1 cells, but the header has 2" in corpus.meta.notes[0]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", [True, False])
def test_utf_16_and_utf_32_are_read(tmp_path: Path, encoding: str, mark: bool) -> None:
    rows = [(REQUEST, "ä"), ("GET /𝄞", "b")] * 9000  # more than one block
    text = ("\ufeff" if mark else "") + quoted([("raw", "kind"), *rows])
    path = written(tmp_path / "x.csv", text, encoding)
    assert pairs(load(path)) == expected(rows)
    packed = tmp_path / "y.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert pairs(load(packed)) == expected(rows)


def test_utf_16_of_json_lines_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", '{"raw": "é", "kind": "a"}\n{"raw": "b", "kind": "b"}\n', "utf-16")
    assert pairs(load(path)) == [("é".encode(), "a"), (b"b", "b")]


def test_bytes_that_are_not_utf_16_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(codecs.BOM_UTF16_LE + "raw,kind\na,b\n".encode("utf-16-le") + b"\x00\xdc\x00")
    with pytest.raises(UserError, match=r"cannot be read.*not text in UTF-16-LE"):
        load(path)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends(tmp_path: Path, mark: str, end: str) -> None:
    path = written(tmp_path / "x.csv", mark + f'"raw","kind"{end}/a,x{end}"/b\r\n",y{end}')
    assert pairs(load(path)) == [(b"/a", "x"), (b"/b\r\n", "y")]


def test_a_quote_that_is_never_closed_costs_its_own_row_alone(tmp_path: Path) -> None:
    table = lines()
    table[301] = '" or 1=1--,sqli\n'
    corpus = load(written(tmp_path / "x.csv", "".join(table)))
    assert pairs(corpus) == expected(ROWS[:300] + ROWS[301:])
    assert corpus.meta.notes[0].startswith("1 of 600 rows were left out: line 302: a quote in it is not closed")
    with pytest.raises(UserError, match="--strict allows none"):
        load(tmp_path / "x.csv", strict=True)


@pytest.mark.parametrize("distance", [1, 2, 5, 50, 290])
@pytest.mark.parametrize("columns", [2, 4])
def test_two_stray_quotes_do_not_swallow_the_rows_between(tmp_path: Path, distance: int, columns: int) -> None:
    def table(rows: list[tuple[str, str]]) -> list[str]:
        more = ["id", "raw", "kind", "day"]
        cells = [more, *([str(i), raw, kind, "2024-01-01"] for i, (raw, kind) in enumerate(rows))]
        return [",".join(row if columns == 4 else row[1:3]) + "\n" for row in cells]

    rows = list(ROWS)
    rows[300], rows[300 + distance] = ('"><img src=x>', "xss"), ('a="', "benign")
    corpus = load(written(tmp_path / "x.csv", "".join(table(rows))))
    assert pairs(corpus) == expected(rows[:300] + rows[301:])
    assert f"line 302: a quote in it is closed on line {302 + distance} only" in corpus.meta.notes[0]


def test_stray_quotes_in_the_first_rows_are_recognized(tmp_path: Path) -> None:
    rows = [('"a', "xss"), ("/1", "sqli"), ('b="', "benign"), *ROWS]
    corpus = load(written(tmp_path / "x.csv", "".join(lines(rows))))
    assert pairs(corpus) == expected(rows[1:])


def test_a_stray_quote_before_payloads_of_several_lines_costs_its_own_row_alone(tmp_path: Path) -> None:
    rows: list[tuple[str, ...]] = [(f"GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n", KINDS[i % 3]) for i in range(300)]
    text = quoted([("raw", "kind"), *rows[:100]]) + '"x,sqli\r\n' + quoted(rows[100:])
    corpus = load(written(tmp_path / "x.csv", text))
    assert payloads(corpus) == [raw.encode() for raw, _ in rows]
    assert corpus.meta.notes[0].startswith("1 of 301 rows were left out: line 402")


def test_payloads_of_several_lines_that_look_like_rows_are_payloads(tmp_path: Path) -> None:
    rows = [(f"SELECT a{i},b\nFROM t{i}", KINDS[i % 3]) for i in range(300)]  # a comma in the first line
    rows += [("x,y\nz,", "sqli"), ("\n".join(["a,b", "c"] * 20), "xss")]
    text = quoted([("raw", "kind"), *rows])
    corpus = load(written(tmp_path / "x.csv", text))
    assert pairs(corpus) == expected(rows)
    assert corpus.meta.notes == ()


def test_an_open_quote_that_takes_lines_which_are_not_rows_is_refused_by_its_line(tmp_path: Path) -> None:
    text = "".join(lines()) + '"GET / HTTP/1.1\n' + "X-A: b\n" * 200
    with pytest.raises(UserError, match="line 602 opens a quote that is not closed, so that 201 lines up to the end"):
        load(written(tmp_path / "x.csv", text))
    text = "".join(lines()) + '"GET / HTTP/1.1\n' + "X-A: b\n"
    corpus = load(written(tmp_path / "x.csv", text))
    assert len(corpus) == 600
    assert "lines 602 to 603: not CSV (unexpected end of data)" in corpus.meta.notes[0]


def test_an_open_quote_in_a_large_file_is_refused_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_table, "_MAX_CELLS", 20_000)
    monkeypatch.setattr(text_table, "_MAX_KEPT_LINES", 1000)
    path = written(tmp_path / "x.csv", "".join(lines()) + '"a,sqli\n' + "/b,xss\n" * 3000)
    with pytest.raises(UserError, match="line 602 opens a quote that is not closed within the next"):
        load(path)


def test_quotes_that_never_pair_take_linear_time(tmp_path: Path) -> None:
    """Each of these lines opens a quote where a row begins, and closes one and opens another within a cell."""
    for line in ('a",b,"c\n', '"a\n', '""",\n', '"\n'):
        seconds = []
        for count in (4000, 16_000):
            path = written(tmp_path / "x.csv", "raw,kind,day\n" + line * count)
            began = time.process_time()
            with contextlib.suppress(UserError):
                for _ in readers.rows(path, ("raw", "kind"), SourceTally()):
                    pass
            seconds.append(time.process_time() - began)
        assert seconds[1] < 8 * seconds[0] + 0.2, line


@pytest.mark.parametrize("name", ["x.csv.gz", "x.jsonl.gz", "x.json.gz", "x.arrow.gz"])
def test_a_damaged_gzip_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    text = "".join(lines()) if "csv" in name else '{"raw": "a", "kind": "b"}\n' * 5000
    packed = bytearray(gzip.compress(text.encode()))
    packed[len(packed) // 2 :] = bytes(byte ^ 0x5A for byte in packed[len(packed) // 2 :])
    path = tmp_path / name
    path.write_bytes(packed)
    with pytest.raises(UserError, match="cannot be read; it may be truncated or damaged"):
        load(path)
