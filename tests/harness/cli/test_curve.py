"""``harness curve`` as a user runs it: on the embedded benchmark, on a file of one's own, and with mistakes."""

import json
import re
from pathlib import Path

import pytest

import harness
from tests.conftest import Shell

FAST = ("--method", "majority,tfidf-logreg", "--trials", 1, "--workers", 2)
SYNTHETIC = ("curve", *FAST, "--scenario", "cve-disjoint", "--rows", "22,44,88", "--seeds", 2, "--test-rows", 66)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Shell, str]:
    """A folder with learning curves on the embedded benchmark, and what the run printed."""
    shell = Shell(tmp_path_factory.mktemp("curve"), cache)
    done = shell(*SYNTHETIC)
    assert done.returncode == 0, done.stdout + done.stderr
    return shell, done.stdout


def cells(folder: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text("utf-8"))["cell"] for path in sorted(folder.glob("*/*/*.json"))]


def test_a_run_of_all_sizes_prints_scores_and_crossings(ran: tuple[Shell, str]) -> None:
    shell, printed = ran
    assert "12 cells on synthetic" in printed
    assert "[12/12] " in printed  # one progress for all sizes
    assert re.search(r"tfidf-logreg on cve-disjoint, seed [01], 88 rows", printed)
    assert "Learning curves on cve-disjoint: synthetic, corpus" in printed
    scores = re.search(
        r"tfidf-logreg +(0\.\d{3}) ± \d\.\d{3} +(0\.\d{3}) ± \d\.\d{3} +(0\.\d{3}) ± \d\.\d{3} +2", printed
    )
    assert scores
    assert scores[1] < scores[3]
    assert re.search(r"tfidf-logreg +majority +all sizes: no crossing +– +\+0\.\d{3} ± ", printed)
    found = cells(shell.folder / "results/local")
    assert sorted(map(str, {tuple(cell["sizes"]) for cell in found})) == [  # type: ignore[arg-type]
        "(22, 7, 66)",
        "(44, 15, 66)",
        "(88, 29, 66)",
    ]
    assert {cell["preset"] for cell in found} == {"curve"}


def test_it_resumes_and_prints_json(ran: tuple[Shell, str]) -> None:
    shell, _ = ran
    times = {path: path.stat().st_mtime_ns for path in shell.folder.glob("results/local/*/*/*.json")}
    again = shell(*SYNTHETIC, "--rows", "22,88", "--json")
    assert again.returncode == 0, again.stderr
    assert "0 to run, 8 with a record" in again.stderr
    (curves,) = json.loads(again.stdout)
    assert [size["requested"] for size in curves["sizes"]] == [22, 88]
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert "0 to run, 12 with a record" in shell(*SYNTHETIC, "--dry-run").stdout


def test_python_reads_the_same_curves(ran: tuple[Shell, str]) -> None:
    shell, _ = ran
    curves = harness.load_results(shell.folder / "results/local").curves()
    assert curves.table()["rows"] == [22, 44, 88] * 2
    assert set(curves.table()["method"]) == {"majority", "tfidf-logreg"}
    assert curves.crossings()["rows"] == [None]
    assert curves.crossings()["difference"][0] > 0
    assert curves.failures == {}
    (plain,) = json.loads(curves.to_json())
    assert json.loads(shell(*SYNTHETIC, "--json").stdout) == [plain]
    assert "tfidf-logreg" in repr(curves)
    assert "<table>" in curves._repr_html_()
    assert "## Learning curves on cve-disjoint" in curves.to_markdown()
    assert harness.load_results(shell.folder / "results/local").boards() == []


def test_the_other_verbs_show_curves_beside_a_board_that_they_do_not_change(ran: tuple[Shell, str]) -> None:
    shell, _ = ran
    run = ("run", *FAST, "--scenario", "cve-disjoint", "--preset", "standard", "--seeds", 2, "--rows", "88,29,66")
    assert shell(*run, "--results", "board").returncode == 0
    assert shell(*run).returncode == 0  # beside curves, one size of which is that of the board
    alone, beside = (shell("results", "board", "--results", name).stdout for name in ("board", "results/local"))
    assert "Learning curves" not in alone
    without_costs = [re.sub(r"\d+\.\d\b|\b\d+\b", "", text) for text in (alone, beside.partition("Learning curves")[0])]
    assert without_costs[0].split() == without_costs[1].split()
    assert "Learning curves on cve-disjoint" in beside
    csv = shell("results", "board", "--format", "csv")
    assert "12 records of learning curves are not in this table" in csv.stderr
    assert shell("leaderboard", "--results", "results/local").returncode == 0
    page = (shell.folder / "leaderboard.md").read_text("utf-8")
    assert "| method | 22 | 44 | 88 | seeds |" in page
    board = json.loads((shell.folder / "leaderboard.json").read_text("utf-8"))
    assert len(board["boards"]) == len(board["curves"]) == 1
    checked = shell("leaderboard", "--results", "results/local", "--check")
    assert (checked.returncode, checked.stdout.strip()) == (0, "up to date")
    assert shell("results", "budget", "--results", "results/local").returncode == 0
    found = shell("results", "check", "results/local").stdout
    assert not [line for line in found.splitlines() if "curve" in line]


def test_the_report_has_a_section(ran: tuple[Shell, str]) -> None:
    shell, _ = ran
    for arguments in ((), ("--bench", "synthetic")):
        done = shell("report", *arguments)
        assert done.returncode == 0, done.stderr
        page = (shell.folder / "report.html").read_text("utf-8")
        assert '<h2 id="curves-h">Learning curves</h2>' in page
        assert 'id="curve-0-chart"' in page
        assert '"curve-0":{"charts":{"curve-0-chart":' in page


def test_a_file_of_one_s_own_that_has_fewer_rows(shell: Shell, mapped: tuple[str, ...]) -> None:
    done = shell(
        "curve", *FAST, *mapped, "--scenario", "group-disjoint,random", "--rows", "30,100,5000,9000", "--seeds", 1
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Learning curves on group-disjoint: " in done.stdout
    assert "macro-F1 in `id` (the scenario has no shifted environment)" in done.stdout  # random
    assert re.search(r"note: 5,000 rows requested: training has only \d+", done.stdout)
    assert "note: 9,000 rows requested: not shown, since training has no more rows than with 5,000" in done.stdout
    assert "note: one seed gives no interval" in done.stdout
    header = re.findall(r"method +30 +100 +(\d+) +seeds", done.stdout)
    assert len(header) == 2
    assert all(100 < int(rows) < 480 for rows in header)


def test_a_failed_cell_is_named_with_its_rows(shell: Shell, mapped: tuple[str, ...]) -> None:
    (shell.folder / "bad.py").write_text(
        "from harness import Method, register_method\n"
        "@register_method('bad', version=1, summary='fails')\n"
        "class Bad(Method):\n"
        "    def fit(self, train, validation, params, context):\n"
        "        raise RuntimeError('on purpose')\n",
        encoding="utf-8",
    )
    done = shell("curve", "--plugin", "bad.py", "--method", "bad,majority", *mapped, "--scenario", "random",
                 "--rows", "20,40", "--seeds", 1)  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "failed: bad on random, seed 0, 40 rows: RuntimeError: on purpose" in done.stdout
    assert "note: bad at 40 rows, seed 0: failed: RuntimeError: on purpose" in done.stdout
    assert "‡" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--rows : the value must be two or more numbers above 0"),
        (("--rows", "55"), "--rows 55: the value must be two or more numbers above 0"),
        (("--rows", "110,55"), "--rows 110,55: the numbers must be ascending, each once"),
        (("--rows", "55,55"), "--rows 55,55: the numbers must be ascending, each once"),
        (("--rows", "0,55"), "--rows 0,55: the value must be two or more numbers above 0"),
        (("--rows", "55,many"), "--rows 55,many: the value must be two or more numbers above 0"),
        (("--rows", "55,1e3"), "--rows 55,1e3: the value must be two or more numbers above 0"),
        (("--rows", "55,all"), "--rows 55,all: the value must be two or more numbers above 0"),
        (("--rows", "55,110", "--test-rows", 0), "--test-rows 0: the value must be above 0"),
        (("--rows", "55,110", "--method", "tfidf-logrg"), "did you mean tfidf-logreg"),
        (("--rows", "55,110", "--method", ""), "--method: name at least one method"),
        (("--rows", "55,110", "--scenario", ""), "--scenario: name at least one scenario"),
        (("--rows", "55,110", "--scenario", "idd"), "did you mean iid"),
        (("--rows", "55,110", "--scenario", "zero-shot"), "--scenario zero-shot: it has neither shifted"),
        (("--rows", "55,110", "--scenario", "iid@carrier"), "probes have no learning curve; name iid"),
        (("--rows", "55,110", "--preset", "curve"), "--preset curve is unknown"),
        (("--rows", "55,110", "--seeds", "x"), "--seeds x"),
        (("--rows", "55,110", "--bench", "files:nosuch"), "no such file"),
    ],
)
def test_a_mistake_is_one_sentence(shell: Shell, arguments: tuple[object, ...], complaint: str) -> None:
    done = shell("curve", "--method", "majority", "--scenario", "iid", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (shell.folder / "results").exists()
