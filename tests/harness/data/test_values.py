"""What values mean: missing ones, CVEs, dates, labels and column names."""

import datetime
import math

import pyarrow as pa
import pytest

from harness import Corpus, UserError
from harness.auditing.leakage import Identities
from harness.data import column_names, values
from harness.data.linking import link, link_codes


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\t\n",
        "\u00a0",
        "nan",
        "NaN",
        "NaT",
        "null",
        "NULL",
        "None",
        "N/A",
        "n/a",
        "NA",
        "<NA>",
        "-",
        "?",
        "\\N",
    ],
)
def test_many_texts_stand_for_a_missing_value(text: str) -> None:
    assert values.is_missing(text)
    assert values.unit(text) is None
    assert values.cve(text) is None
    assert values.day(text) is None


@pytest.mark.parametrize("text", ["none of them", "0", "false", "nand", "no", "x" * 100_000])
def test_other_texts_are_values(text: str) -> None:
    assert not values.is_missing(text)
    assert values.unit(text) == text


def test_a_label_may_be_none_but_not_nan() -> None:
    assert [values.label(text) for text in ("none", "N/A", " sqli ", "-")] == ["none", "N/A", "sqli", "-"]
    assert [values.label(text) for text in ("NaN", "null", " ", "<NA>")] == [None] * 4


def test_null_is_not_a_number_or_not_a_time() -> None:
    assert values.is_null(None)
    assert values.is_null(math.nan)
    assert not any(map(values.is_null, (0, "", "nan", [math.nan], {})))


@pytest.mark.parametrize(
    ("text", "cve"),
    [
        ("CVE-2021-44228", "CVE-2021-44228"),
        (" cve-2021-44228\n", "CVE-2021-44228"),
        ("Cve_2021_44228", "CVE-2021-44228"),
        ("CVE 2021-44228", "CVE-2021-44228"),
        ("CVE:2021-44228", "CVE-2021-44228"),
        ("CVE\N{EN DASH}2021\N{NON-BREAKING HYPHEN}44228", "CVE-2021-44228"),
        ("2021-44228", "CVE-2021-44228"),
        ("https://nvd.example/vuln/cve-2021-44228#top", "CVE-2021-44228"),
        ("CVE-2021-45046, cve-2021-44228;CVE-2021-44228", "CVE-2021-44228 CVE-2021-45046"),
        ("CVE_2020_1", "CVE-2020-1"),
        (" GHSA-jfh8-c2jp-5v3q", "GHSA-jfh8-c2jp-5v3q"),
        ("xCVE-2021-44228", "xCVE-2021-44228"),
    ],
)
def test_a_cve_has_one_spelling(text: str, cve: str) -> None:
    assert values.cve(text) == cve
    assert values.cve(cve) == cve


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-06",
        " 2024-05-06 ",
        "20240506",
        "2024-05-06T07:08:09Z",
        "2024-05-06t07:08",
        "2024-05-06 07:08:09.123456789+02:00",
        "2024-05-06 07:08:09 +0000 UTC",
        "2024-05-06T07:08:09.5-0330",
        "20240506T070809Z",
        "2024-05-06T07:08:09Z[Europe/Berlin]",
        "2024-W19-1",
        datetime.date(2024, 5, 6),
        datetime.datetime(2024, 5, 6, 23, 59, tzinfo=datetime.UTC),
        20240506,
    ],
)
def test_dates_of_iso_8601_are_days(value: object) -> None:
    assert values.day(value) == datetime.date(2024, 5, 6)


def test_years_and_months_are_their_first_days() -> None:
    assert [values.day(value) for value in ("2024", 2024, "2024-05")] == [
        datetime.date(2024, 1, 1),
        datetime.date(2024, 1, 1),
        datetime.date(2024, 5, 1),
    ]


@pytest.mark.parametrize(
    "value",
    [
        1701010100,  # Python's own parser takes the first eight digits for a day of 1701
        "1701010100.5",
        "17010101",
        1701010100000,
        19723,
        "1701",
        "2024-02-30",
        "2024-05-06 or so",
        "2024-05-06T25:00",
        "2024/05/06",
        "06.05.2024",
        "0000",
        "\u0662\u0660\u0662\u0664",  # Arabic digits
        True,
    ],
)
def test_what_is_no_date_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is neither a year nor ISO 8601"):
        values.day(value)


def test_column_names_may_contain_separators() -> None:
    assert column_names.split(r"a\,b,c\\,d", ",") == [r"a\,b", r"c\\", "d"]
    assert [column_names.unescaped(part) for part in column_names.split(r"a\+b+c\d", "+")] == ["a+b", r"c\d"]
    for name in ("a,b", "a+b=c|d", "\\", "\\\\,", "plain"):
        assert column_names.unescaped(column_names.escaped(name)) == name
        assert column_names.split(column_names.escaped(name), ",") == [column_names.escaped(name)]


def corpus(**columns: list[str | None]) -> Corpus:
    rows = len(next(iter(columns.values())))
    table = {
        "sample": [str(row) for row in range(rows)],
        "payload": pa.array([b"GET /%d" % row for row in range(rows)], pa.large_binary()),
        "label": ["ab"[row % 2] for row in range(rows)],
    }
    return Corpus.create("toy", pa.table({**table, **columns}))


def test_a_corpus_spells_units_in_one_way_and_missing_values_link_nothing() -> None:
    made = corpus(
        **{
            "cve": ["CVE-2020-1234", "cve-2020-1234 ", "NaN", "n/a", None],
            "group.host": ["a", " a", "None", "", "b"],
            "technique": ["x", "N/A", "null", "x ", "?"],
        }
    )
    assert made.table.column("cve").to_pylist() == ["CVE-2020-1234", "CVE-2020-1234", None, None, None]
    assert made.table.column("group.host").to_pylist() == ["a", "a", None, None, "b"]
    assert made.table.column("technique").to_pylist() == ["x", None, None, "x", None]
    units, _ = link(made, ["cve"])
    assert len(set(units.tolist())) == 4


def test_a_corpus_refuses_missing_labels() -> None:
    with pytest.raises(UserError, match="1 rows have no label"):
        corpus(label=["a", "b", "NaN"])


def test_rows_that_share_one_of_several_cves_are_linked() -> None:
    made = corpus(cve=["CVE-2020-1", "CVE-2020-2, CVE-2020-1", "CVE-2020-3", "CVE-2020-3 cve-2020-2", "x y", None])
    codes = link_codes(made, "cve")
    assert len(set(codes[:4].tolist())) == 1
    assert codes[4] not in (codes[0], -1)
    assert codes[5] == -1
    assert Identities(made, codes).codes["CVE"].tolist() == codes.tolist()


def test_unknown_products_are_no_common_product() -> None:
    made = corpus(product=["Jira Server", "jira_server", "n/a", "N/A", "unknown"])
    codes = link_codes(made, "product")
    assert codes.tolist() == [0, 0, -1, -1, -1]
