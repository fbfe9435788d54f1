"""The root file: from records, checked."""

import json
import shutil

from tests.conftest import ROOT, Shell


def test_the_committed_leaderboard_is_up_to_date(shell: Shell) -> None:
    done = shell("leaderboard", "--check", "--results", ROOT / "results/official", "--output", ROOT / "leaderboard.md")
    assert done.returncode == 0, done.stdout


def test_check_names_an_edited_figure_and_a_deleted_record(shell: Shell) -> None:
    shutil.copytree(ROOT / "results/official", shell.folder / "results/official")
    for name in ("leaderboard.md", "leaderboard.json"):
        shutil.copy(ROOT / name, shell.folder / name)
    assert shell("leaderboard", "--check").returncode == 0
    board = shell.folder / "leaderboard.md"
    text = board.read_text(encoding="utf-8")
    figure = next(word for word in text.split() if word.startswith("0.") and len(word) == 5)
    board.write_text(text.replace(figure, "0.999", 1), encoding="utf-8")
    edited = shell("leaderboard", "--check")
    assert edited.returncode == 1
    assert "0.999" in edited.stdout
    board.write_text(text, encoding="utf-8")
    next((shell.folder / "results/official").glob("*/*/*.json")).unlink()
    assert shell("leaderboard", "--check").returncode == 1


def test_a_failed_cell_scores_as_majority_and_an_older_version_is_stale(shell: Shell, mapped: tuple[str, ...]) -> None:
    plugin = shell.folder / "bad.py"
    plugin.write_text(
        "from harness import Method, register_method\n"
        "@register_method('raises', version=1, summary='')\n"
        "class Raises(Method):\n"
        "    def fit(self, train, validation, params, context): raise RuntimeError('a | pipe')\n",
        encoding="utf-8",
    )
    arguments = ("--plugin", plugin, *mapped, "--preset", "standard", "--seeds", 2, "--scenario", "group-disjoint")
    assert shell("run", "--method", "raises,majority,tfidf-logreg", *arguments).returncode == 1
    assert shell("leaderboard", "--results", "results/local").returncode == 0
    (board,) = json.loads((shell.folder / "leaderboard.json").read_text(encoding="utf-8"))
    rows = {row["method"]: row for row in board["methods"]}
    assert rows["raises"]["score"]["mean"] == rows["majority"]["score"]["mean"]
    assert rows["tfidf-logreg"]["rank"] == 1
    assert rows["tfidf-logreg"]["score"]["half_width"] > 0
    assert r"a \| pipe" in (shell.folder / "leaderboard.md").read_text(encoding="utf-8")
    for path in shell.folder.glob("results/local/*/*/tfidf-logreg-*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        record["cell"]["method_version"] = 0
        path.write_text(json.dumps(record), encoding="utf-8")
    assert shell("leaderboard", "--results", "results/local").returncode == 0
    (board,) = json.loads((shell.folder / "leaderboard.json").read_text(encoding="utf-8"))
    assert "tfidf-logreg" not in {row["method"] for row in board["methods"]}
    assert "2 stale records of tfidf-logreg, version 0" in board["notes"]
