"""The committed report is the one generated from the committed records."""

import json
import re
import shutil
from pathlib import Path

from tests.conftest import ROOT, Shell

COMMITTED = "docs/report.html"


def _shown(page: Path) -> str:
    """The page without its scripts, which follow plotly's release; numbers to six digits, as in leaderboard.json."""
    text = re.sub(r"<script>.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"script-src [^;]*;", "", text)
    return re.sub(r"-?\d+\.\d{6,}(e-?\d+)?", lambda found: f"{float(found[0]):.6f}", text)


def test_the_committed_report_is_that_of_the_committed_records(shell: Shell) -> None:
    official = "results/official"  # without the files of runs that are never committed
    shutil.copytree(ROOT / official, shell.folder / official, ignore=shutil.ignore_patterns(".*"))
    done = shell("report", "--results", official)
    assert done.returncode == 0, done.stdout + done.stderr
    same = _shown(shell.folder / "report.html") == _shown(ROOT / COMMITTED)
    assert same, f"harness report --results {official} --output {COMMITTED} regenerates it"


def test_it_names_the_methods_under_each_verdict() -> None:
    board = json.loads((ROOT / "leaderboard.json").read_text(encoding="utf-8"))["boards"][0]
    summary = re.search(r'<p class="claim">.*?</a> (.*?)</p>', (ROOT / COMMITTED).read_text(encoding="utf-8"))
    assert summary
    methods = {verdict: names.split(", ") for verdict, names in (part.split(": ") for part in summary[1].split("; "))}
    assert {name: verdict for verdict, names in methods.items() for name in names} == {
        claim["method"]: claim["verdict"] for claim in board["claims"]
    }
