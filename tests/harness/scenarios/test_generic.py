"""The generic scenarios: what a corpus offers by its columns, and that each keeps its promise."""

import datetime
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness import BenchmarkRef, Corpus, Scenario, Sizes, UserError, registry
from harness.data.attack_clusters import attack_clusters
from harness.protocol import FEWEST_ATTRIBUTE_UNITS
from harness.scenarios import generic, splits
from harness.scenarios.generic import attributes, catalogue
from harness.scenarios.training_data import training_and_validation
from tests.conftest import ROOT, Shell

CLASSES = ("open-redirect", "path-traversal", "sql-injection", "template-injection")
ALL = (
    "random",
    "group-disjoint",
    "cve-disjoint",
    "vendor-disjoint",
    "product-disjoint",
    "source-disjoint",
    "cluster-disjoint",
    "temporal",
    "temporal-windows",
    "leave-one-source-out",
    "natural-90",
    "long-tail",
    "zero-shot",
    "few-5",
    "few-20",
    "few-80",
    "described-only",
    "noisy-20",
    "noisy-40",
    "few-shot-1",
    "few-shot-2",
    "few-shot-5",
)
SCARCE = tuple(name for name in ALL[ALL.index("few-5") :] if name != "described-only")  # without descriptions


def word(number: int) -> str:
    """Letters that share little with those of any other number."""
    return hashlib.sha256(b"%d" % number).hexdigest().translate(str.maketrans("0123456789", "ghijklmnop"))


def requests(rows: int = 1500, **changes: object) -> Corpus:
    """Requests of four classes on 150 CVEs; how often a .php file is named depends on the class."""
    rng = np.random.default_rng(0)
    cve = rng.integers(150, size=rows)
    php = rng.random(rows) < 0.2 + 0.2 * (cve % 4)
    start = datetime.date(2020, 1, 1)
    columns: dict[str, object] = {
        "sample": [str(i) for i in range(rows)],
        "payload": pa.array(
            [
                f"GET /{word(i)}{'.php' if has else ''} HTTP/1.1\nHost: a.example\n".encode()
                for i, has in enumerate(php)
            ],
            pa.large_binary(),
        ),
        "label": [CLASSES[c % 4] for c in cve],
        "cve": [f"CVE-2020-{c}" for c in cve],
        "group.cve": [f"CVE-2020-{c}" for c in cve],
        "product": [None if c % 9 == 0 else f"product-{c // 2}" for c in cve],
        "vendor": [f"vendor-{c // 4}" for c in cve],
        "source": [None if i % 50 == 0 else f"source-{i % 7 % 3}" for i in range(rows)],
        "cluster": [str(i // 100) if i % 25 == 0 else None for i in range(rows)],
        "date": pa.array([start + datetime.timedelta(days=int(c) * 5) for c in cve], pa.date32()),
    }
    columns |= changes
    return Corpus.create("toy", pa.table({name: values for name, values in columns.items() if values is not None}))


def described() -> Corpus:
    """The requests, each with the description of its CVE."""
    base = requests()
    cves = [f"CVE-2020-{number}" for number in range(150)]
    texts = pa.table({"description_id": cves, "text": [f"text of {cve}" for cve in cves], "cve": cves})
    return Corpus.create("toy", base.table.append_column("description_id", [base.table["cve"]]), texts)


@pytest.fixture(scope="module")
def toy() -> Corpus:
    return described()


def draw(corpus: Corpus, name: str, seed: int = 0, sizes: Sizes = Sizes()) -> Scenario:  # noqa: B008
    spec = next(spec for spec in generic.scenarios(corpus.meta) if spec.name == name)
    return generic.build(corpus, spec, seed, sizes)


def rows_of(scenario: Scenario) -> dict[str, np.ndarray]:
    environments = {name: environment.rows for name, environment in scenario.environments.items()}
    return {"train": scenario.train.rows, "validation": scenario.validation.rows, **environments}


def test_columns_tell_what_is_offered(toy: Corpus) -> None:
    assert tuple(spec.name for spec in generic.scenarios(toy.meta)) == ALL
    assert generic.survey(toy) == {}
    assert generic.survey(requests()) == {"described-only": "it needs a description of at least one row."}
    assert generic.unavailable(toy.meta) == {}
    shifts = {spec.name: spec.shift for spec in generic.scenarios(toy.meta)}
    assert shifts["random"] == "none"
    assert shifts["vendor-disjoint"] == "attribute-generalization"
    assert shifts["leave-one-source-out"] == "source"
    assert shifts["natural-90"] == "spurious-correlation"
    assert shifts["long-tail"] == "class-imbalance"
    assert [spec.name for spec in generic.scenarios(toy.meta) if spec.quick] == ["random", "group-disjoint", "temporal"]


def test_a_missing_column_is_one_sentence() -> None:
    without = dict.fromkeys(("cve", "group.cve", "product", "vendor", "source", "date"))
    meta = requests(**without).meta
    assert [spec.name for spec in generic.scenarios(meta)] == [
        "random", "cluster-disjoint", "natural-90", *ALL[ALL.index("long-tail") :],
    ]  # fmt: skip
    lacking = generic.unavailable(meta, "--map {}=COLUMN".format)
    assert lacking["temporal"] == lacking["temporal-windows"] == "it needs dates: --map date=COLUMN."
    assert lacking["cve-disjoint"] == "it needs CVEs: --map cve=COLUMN."
    assert lacking["group-disjoint"] == "it needs groups: --map group=COLUMN."
    assert lacking["leave-one-source-out"] == "it needs sources: --map source=COLUMN."


def test_several_groups_are_held_out_together_and_each_on_its_own() -> None:
    data = requests(**{"group.Host Name": [f"host-{i % 40}" for i in range(1500)], "product": None})
    names = [spec.name for spec in generic.scenarios(data.meta)]
    assert {"group-disjoint", "cve-disjoint", "host-name-disjoint"} <= set(names)
    assert len(names) == len(set(names))
    host = data.codes("group.Host Name")[0]
    rows = rows_of(draw(data, "host-name-disjoint"))
    assert not set(host[rows["test"]]) & set(host[np.concatenate([rows["train"], rows["validation"], rows["id"]])])


@pytest.mark.parametrize("name", ALL)
def test_every_scenario_fills_its_parts_and_parts_no_attack(toy: Corpus, name: str) -> None:
    _, core = splits.link(toy, ["group.cve"])
    for seed in range(splits.FOLDS):
        scenario = draw(toy, name, seed)
        assert list(scenario.environments) == list(scenario.spec.environments)
        assert all(note.startswith(f"{name}: ") for note in scenario.notes)
        rows = rows_of(scenario)
        assert all(map(len, rows.values()))
        train, validation = set(core[rows.pop("train")]), set(core[rows.pop("validation")])
        tested = set(core[np.concatenate(list(rows.values()))])
        assert not train & tested
        assert not validation & tested
        assert not train & validation


@pytest.mark.parametrize("column", ["cve", "vendor", "product", "source"])
def test_disjoint_scenarios_share_no_value_and_missing_ones_link_nothing(toy: Corpus, column: str) -> None:
    codes = toy.codes(column)[0]
    mixed = False
    for seed in range(splits.FOLDS):
        rows = rows_of(draw(toy, f"{column}-disjoint", seed))
        seen = codes[np.concatenate([rows["train"], rows["validation"], rows["id"]])]
        tested = codes[rows["test"]]
        assert not (set(seen) - {-1}) & set(tested)
        mixed |= -1 in seen and -1 in tested
    assert mixed == (-1 in codes)


@pytest.mark.parametrize(
    "name", ["group-disjoint", "cve-disjoint", "vendor-disjoint", "product-disjoint", "cluster-disjoint"]
)
def test_no_tested_cve_and_no_endpoint_of_one_is_trained_on(name: str) -> None:
    data = requests(payload=endpoints())
    cves = splits.new_cves(data)
    assert cves is not None
    for seed in range(splits.FOLDS + 2):
        scenario = draw(data, name, seed)
        rows = rows_of(scenario)
        seen = np.concatenate([rows["train"], rows["validation"], rows["id"]])
        tested = np.isin(cves.cve, cves.cve[rows["test"]])
        assert not tested[seen].any()
        assert not np.isin(cves.endpoint[seen], cves.endpoint[tested]).any()
        assert any("address an endpoint of a tested CVE" in note for note in scenario.notes)


def endpoints() -> pa.Array:
    """Requests of which every CVE addresses one of 60 endpoints, and one in ten any endpoint."""
    rng = np.random.default_rng(1)
    cve = requests().table.column("cve").to_pylist()
    place = [int(name.rpartition("-")[2]) % 60 if rng.random() < 0.95 else int(rng.integers(60)) for name in cve]
    lines = [f"GET /{word(number)}?q={word(i)} HTTP/1.1\nHost: h\n".encode() for i, number in enumerate(place)]
    return pa.array(lines, pa.large_binary())


def test_a_source_may_see_the_cves_of_others() -> None:
    data = requests(payload=endpoints())
    codes = data.codes("cve")[0]
    rows = rows_of(draw(data, "source-disjoint"))
    assert set(codes[rows["test"]]) & set(codes[rows["train"]])


def test_clusters_of_attacks_are_not_shared() -> None:
    data = requests(payload=alike())
    cluster = attack_clusters(data, 1 / splits.FOLDS)
    assert len(np.unique(cluster)) < 200
    for seed in range(splits.FOLDS):
        scenario = draw(data, "cluster-disjoint", seed)
        rows = rows_of(scenario)
        seen = np.concatenate([rows["train"], rows["validation"], rows["id"]])
        assert not set(cluster[seen]) & set(cluster[rows["test"]])
        assert set(cluster[rows["id"]]) <= set(cluster[rows["train"]])
        assert scenario.unit_column == "attack cluster"


def alike() -> pa.Array:
    """Requests whose attacks have 40 kinds, with an ending of their own each."""
    kinds = np.random.default_rng(2).integers(40, size=1500)
    lines = [f"GET /{word(i)}?q={word(k)}{i:04d} HTTP/1.1\nHost: h\n".encode() for i, k in enumerate(kinds.tolist())]
    return pa.array(lines, pa.large_binary())


@pytest.mark.parametrize("name", ALL)
def test_repeats_of_a_fold_test_the_same_rows(toy: Corpus, name: str) -> None:
    for seed in (0, 4):
        first, second = (rows_of(draw(toy, name, seed + repeat, Sizes(300, 80, 90))) for repeat in (0, splits.FOLDS))
        assert not np.array_equal(first["train"], second["train"])
        for environment in set(first) - {
            "train",
            "validation",
            *(("id",) if name not in ("random", "natural-90") else ()),
        }:
            assert np.array_equal(first[environment], second[environment]), environment


@pytest.mark.parametrize("name", ["temporal", "temporal-windows"])
def test_tests_begin_on_the_first_day_that_leaves_at_most_two_fifths(toy: Corpus, name: str) -> None:
    dates = sorted(d for d in toy.table.column("date").to_pylist() if d is not None)
    first = next(day for day in dates if sum(d >= day for d in dates) <= 0.4 * len(dates))
    row_dates = np.array(toy.table.column("date").to_pylist(), dtype="datetime64[D]")
    on_the_day = set()
    for seed in range(splits.FOLDS):
        scenario = draw(toy, name, seed)
        assert scenario.test_start == (first - datetime.date(1970, 1, 1)).days
        rows = rows_of(scenario)
        for part in ("train", "validation", "id"):
            assert row_dates[rows.pop(part)].max() < np.datetime64(first)
        tested = np.concatenate(list(rows.values()))
        assert row_dates[tested].min() >= np.datetime64(first)
        on_the_day |= set(tested[row_dates[tested] == np.datetime64(first)].tolist())
    assert on_the_day == set(np.flatnonzero(row_dates == np.datetime64(first)).tolist())


def test_sources_are_left_out_in_turn_and_unknown_ones_take_no_part(toy: Corpus) -> None:
    codes = toy.codes("source")[0]
    tested = []
    for seed in range(splits.FOLDS):
        rows = rows_of(draw(toy, "leave-one-source-out", seed))
        (left_out,) = set(codes[rows["test"]])
        assert not {left_out, -1} & set(codes[np.concatenate([rows["train"], rows["validation"], rows["id"]])])
        tested.append(left_out)
    assert tested[:3] == tested[3:]
    assert len(set(tested)) == 3


def test_windows_follow_each_other_after_the_cut_off(toy: Corpus) -> None:
    date = splits.days(toy)
    begin = splits.cutoff(date)
    for seed in range(splits.FOLDS):
        rows = rows_of(draw(toy, "temporal-windows", seed))
        parts = [rows[f"test.{w}"] for w in (1, 2, 3, 4)]
        for before in ("train", "validation", "id"):
            assert date[rows[before]].max() < begin
        assert date[parts[0]].min() >= begin
        begins, ends = [date[p].min() for p in parts], [date[p].max() for p in parts]
        assert all(end < later for end, later in zip(ends, begins[1:], strict=False))
        assert min(map(len, parts)) > 0.3 * max(map(len, parts))


@pytest.mark.parametrize("seed", range(3))
def test_a_natural_attribute_goes_with_the_class_and_then_against_it(toy: Corpus, seed: int) -> None:
    scenario = draw(toy, "natural-90", seed)
    assert "attribute 'the path names a .php file': frequent in sql-injection, template-injection" in scenario.notes[0]
    php = attributes.candidates(toy)["the path names a .php file"]
    agrees = np.where(np.isin(toy.labels, [2, 3]), php, ~php)
    shares = {"train": 0.9, "validation": 0.9, "id": 0.9, "flip": 0.1, "balanced": 0.5}
    for name, rows in rows_of(scenario).items():
        assert agrees[rows].mean() == pytest.approx(shares[name], abs=0.05), name
        assert len(np.unique(rows)) == len(rows)
    assert scenario.spec.scored == ("flip",)


def test_the_mapped_columns_link_rows() -> None:
    def units(corpus: Corpus) -> int:
        return len(np.unique(draw(corpus, "random").unit))

    assert units(requests()) == 150
    assert units(requests(**{"group.cve": None})) == 150  # the CVE, where no group is mapped
    assert units(requests(**{"group.cve": None, "cve": None, "cluster": None})) == 1500
    assert units(requests(**{"group.cve": None, "group.vendor": requests().table.column("vendor")})) == 38


def test_a_draw_is_the_same_in_any_process(toy: Corpus) -> None:
    code = (
        "import hashlib\nfrom tests.harness.scenarios.test_generic import ALL, described, draw, rows_of\n"
        "rows = [[(k, v.tolist()) for k, v in rows_of(draw(described(), n, 1, size)).items()] for n in ALL\n"
        "         for size in [__import__('harness').Sizes(300, 80, 90)]]\n"
        "print(hashlib.sha256(repr(rows).encode()).hexdigest())"
    )
    here = [[(k, v.tolist()) for k, v in rows_of(draw(toy, n, 1, Sizes(300, 80, 90))).items()] for n in ALL]
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert there.stdout.strip() == hashlib.sha256(repr(here).encode()).hexdigest(), there.stderr


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("group-disjoint", {"group.cve": ["one"] * 1500}, "seed 0 leaves no rows for train"),
        ("group-disjoint", {"group.cve": pa.nulls(1500, pa.string())}, "no row has a value in group.cve"),
        ("temporal", {"date": pa.nulls(1500, pa.date32())}, "no row has a value in date"),
        ("temporal-windows", {"date": pa.array([18262] * 1500, pa.int32()).cast(pa.date32())}, "1500 have the same"),
        ("leave-one-source-out", {"source": ["one"] * 1500}, "1 of 1 sources has that many"),
        ("natural-90", {"payload": pa.array([b"%d" % i for i in range(1500)], pa.large_binary())}, "in 0 of 4"),
    ],
)
def test_rows_that_cannot_carry_a_scenario_are_one_sentence(
    name: str, changes: dict[str, object], complaint: str
) -> None:
    data = requests(**changes)
    sentence = generic.survey(data)[name]
    assert complaint in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    with pytest.raises(UserError, match=f"^scenario {name}: ") as raised:
        draw(data, name)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        (b"POST /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\nb=1", {"method is POST", "target has a query", "is a body"}),
        (b"GET /wp-admin/x.php HTTP/1.1\nHost: h\n\n", {"path starts with /wp-", "path names a .php file"}),
        (b"GET /?f=/wp-a.php HTTP/1.1\n", {"target has a query"}),
        (
            b"PUT /u HTTP/1.1\r\nCONTENT-TYPE:multipart/form-data; boundary=b\r\n\r\n--b--\xff",
            {"is a body", "body is multipart"},
        ),
        (b"GET / HTTP/1.1\nHost: h\n\nContent-Type: multipart/mixed", {"is a body"}),
        (b"", set()),
        (b"\x00\xff POST /wp- .php?\n\nbody", set()),
    ],
)
def test_attributes_are_read_from_the_bytes(payload: bytes, names: set[str]) -> None:
    data = Corpus.create(
        "two",
        pa.table({"sample": ["a", "b"], "payload": pa.array([payload, b"x"], pa.large_binary()), "label": ["p", "q"]}),
    )
    candidates = attributes.candidates(data)
    assert {name.removeprefix("the ").removeprefix("there ") for name, has in candidates.items() if has[0]} == names
    assert not any(has[1] for has in candidates.values())


def test_a_mapped_cue_offers_its_most_informative_value() -> None:
    rng = np.random.default_rng(0)
    labels = [CLASSES.index(name) for name in requests().table.column("label").to_pylist()]
    host = np.where(rng.random(1500) < 0.1 + 0.2 * np.array(labels), "lab.example", "a.example").astype(object)
    host[rng.random(1500) < 0.3] = "b.example"
    host[:100] = None
    payload = pa.array([b"%d" % i for i in range(1500)], pa.large_binary())
    data = requests(**{"payload": payload, "cue.host": pa.array(host.tolist(), pa.string())})
    assert "attribute 'the host is lab.example': frequent in" in draw(data, "natural-90").notes[0]


def test_the_attribute_with_most_rows_on_both_sides_is_chosen_and_rare_sides_are_kept() -> None:
    data = requests()
    payloads = [
        p.replace(b"GET", b"POST") if i % 2 and label != CLASSES[0] else p
        for i, (p, label) in enumerate(
            zip(data.table["payload"].to_pylist(), data.table["label"].to_pylist(), strict=True)
        )
    ]
    data = requests(payload=pa.array([p.replace(b".php", b"") for p in payloads], pa.large_binary()))
    choice = attributes.choose(data, splits.link(data, ["cve"])[0])
    assert choice.name == "the method is POST"
    assert choice.unchanged == (0,)
    assert len(choice.opposed) == 1
    assert len(choice.leaning) == 2
    assert set(choice.agrees(data.labels)[data.labels == 0]) == {-1}
    assert "too few rows with or without it: open-redirect" in draw(data, "natural-90").notes[0]


def test_many_rows_of_few_units_do_not_make_an_attribute_usable() -> None:
    """In the first class only the rows of three CVEs name a .php file: some thirty rows of three units."""
    data = requests()
    cve = np.array([int(name.rpartition("-")[2]) for name in data.table.column("cve").to_pylist()])
    has = np.where(cve % 4 == 0, cve < 12, np.random.default_rng(5).random(len(data)) < 0.5)
    assert (has & (data.labels == 0)).sum() > FEWEST_ATTRIBUTE_UNITS
    payloads = [b"GET /%s%s HTTP/1.1\n" % (word(i).encode(), b".php" * one) for i, one in enumerate(has.tolist())]
    data = requests(payload=pa.array(payloads, pa.large_binary()))
    choice = attributes.choose(data, splits.link(data, ["cve"])[0])
    assert choice.name == "the path names a .php file"
    assert choice.unchanged == (0,)


def test_fewer_units_than_folds_are_told() -> None:
    data = requests(**{"group.cve": [f"tenant-{i % 4}" for i in range(1500)]})
    assert draw(data, "group-disjoint", 5).notes == (
        "group-disjoint: the corpus has only 4 units; seeds from 4 on test the same units again",
    )


def written(folder: Path) -> tuple[str, str]:
    """A file of the toy corpus with ten near-duplicates; returns its reference and mapping."""
    path = folder / "toy.jsonl"
    table = requests(cluster=None).table.drop(["group.cve"])
    rows = [{**row, "payload": row["payload"].decode(), "date": str(row["date"])} for row in table.to_pylist()]
    for i in range(10):
        rows[i]["payload"] = f"GET /same/path/for/all/of/them?id={i} HTTP/1.1\nHost: {i}.example\n"
    for i, row in enumerate(rows):
        row["zone"] = f"zone-{i % 3}"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f"files:{path}", "payload=payload,label=label,cve=cve,date=date,source=source,cue.zone=zone"


def test_files_map_cues_and_find_near_duplicates(tmp_path: Path, cache: Path) -> None:
    registry.discover()
    bench, mapping = written(tmp_path)
    name, _, argument = bench.partition(":")
    benchmark = registry.open_benchmark(BenchmarkRef(name, argument, dict(p.split("=") for p in mapping.split(","))))
    corpus = benchmark.corpus()
    cluster = corpus.codes("cluster")[0]
    assert (cluster[:10] == cluster[0]).all()
    assert cluster[0] >= 0
    assert (cluster >= 0).sum() == 10
    assert corpus.meta.notes == ("10 rows are near-duplicates of others (clusters: 1); no split separates a cluster",)
    assert corpus.meta.cues == ("zone",)
    names = [spec.name for spec in benchmark.scenarios()]
    lacking = ("group-disjoint", "vendor-disjoint", "product-disjoint", "described-only")
    assert names == [name for name in ALL if name not in lacking]
    assert benchmark.unavailable()["group-disjoint"] == "it needs groups: --map group=COLUMN (or A+B for several)."


def test_equal_payloads_of_different_classes_are_counted(tmp_path: Path, cache: Path) -> None:
    registry.discover()
    path = tmp_path / "rows.jsonl"
    labels = {"1' or 1=1--": ["sqli", "benign", "sqli"], "<script>": ["xss", "xss"], "{{7*7}}": ["ssti", "xss"]}
    rows = [{"payload": payload, "label": label} for payload, names in labels.items() for label in names]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    reference = BenchmarkRef("files", str(path), {"payload": "payload", "label": "label"})
    note = "2 payloads stand in rows of different classes (5 rows; most often benign and sqli)"
    assert note in registry.open_benchmark(reference).corpus().meta.notes


def test_a_scenario_that_rows_cannot_carry_is_refused_before_the_run(shell: Shell) -> None:
    bench, mapping = written(shell.folder)
    arguments = (
        "--bench",
        bench,
        "--map",
        mapping.replace("source=source", "source=zone").replace("date=date", "id=sample"),
    )
    listed = shell("list", "scenarios", *arguments)
    assert listed.returncode == 0, listed.stderr
    assert "it needs dates: --map date=COLUMN" in " ".join(listed.stdout.split())
    done = shell("run", *arguments, "--scenario", "temporal")
    assert done.returncode == 2
    assert done.stderr.strip() == "harness: --scenario temporal: it needs dates: --map date=COLUMN."


def test_a_part_that_stays_empty_is_the_reason_of_the_failed_cell(shell: Shell) -> None:
    path = shell.folder / "alike.jsonl"
    path.write_text(
        "".join(json.dumps({"raw": f"x{i}", "class": "ab"[i % 2]}) + "\n" for i in range(60)), encoding="utf-8"
    )
    done = shell("run", "--method", "majority", "--bench", f"files:{path}", "--map", "payload=raw,label=class")
    assert done.returncode == 1, done.stderr
    assert "scenario random: seed 0 leaves no rows for train (rows: 60; units: 1, the largest of 60;" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


FAMILIES = "xss|path_traversal|sqli|command_injection|code_injection|ssrf_xxe|file_upload|open_redirect"


def test_requests_of_templates_carry_what_their_columns_promise(cache: Path, nuclei_dev: Path) -> None:
    registry.discover()
    mapping = {"payload": "payload", "label": "family", "group": "cve", "vendor": "vendor", "product": "product"}
    where = {"role": ("single", "attack_step"), "family": tuple(FAMILIES.split("|"))}
    ref = BenchmarkRef("files", str(nuclei_dev), {**mapping, "date": "published_year"}, where)
    benchmark = registry.open_benchmark(ref)
    offered = [spec.name for spec in benchmark.scenarios()]
    assert offered == [
        "random",
        "group-disjoint",
        "vendor-disjoint",
        "product-disjoint",
        "cluster-disjoint",
        "temporal",
        "natural-90",
        "long-tail",
        "zero-shot",
        *SCARCE,
    ]
    assert "too coarse for 4 windows" in benchmark.unavailable()["temporal-windows"]
    corpus = benchmark.corpus()
    assert set(catalogue.survey(corpus)) == {"temporal-windows", "described-only"}
    for name in offered:
        assert all(map(len, rows_of(draw(corpus, name, 7)).values()))


@pytest.mark.parametrize("name", SCARCE)
def test_labels_are_scarce_in_training_alone(toy: Corpus, name: str) -> None:
    sizes = Sizes(200, 60, 80)
    scenario, kind, number = draw(toy, name, 1, sizes), *name.rsplit("-", 1)
    train, told = scenario.train, scenario.train.labels
    counts = np.bincount(toy.labels[train.rows], minlength=4)
    if kind == "few":
        assert counts.tolist() == [int(number)] * 4
        assert len(scenario.described) > 500
    elif kind == "noisy":
        assert told is not None
        assert (told != toy.labels[train.rows]).sum() == round(int(number) / 100 * 200)
        assert train.groups is None
        assert scenario.grouped_by == ""
    else:
        assert [counts[c] for c in splits.unseen_classes(4, 1)] == [int(number)]
        assert set(scenario.environments) == {"seen", "unseen"}
    cve = toy.codes("cve")[0]
    tested = np.concatenate([environment.rows for environment in scenario.environments.values()])
    assert set(cve[tested]).isdisjoint(cve[train.rows])
    assert all(environment.labels is None for environment in scenario.environments.values())


def test_payloads_without_a_class_come_with_their_descriptions(toy: Corpus) -> None:
    scenario = draw(toy, "described-only", 0, Sizes(200, 60, 80))
    train = training_and_validation(toy, scenario, frozenset({"text"}))[0]
    assert train.unlabelled is not None
    assert train.descriptions is not None
    assert (len(train), len(train.unlabelled.payloads)) == (20, 180)
    assert scenario.unlabelled is not None
    named = toy.table["cve"].take(scenario.unlabelled.rows).to_pylist()
    assert [train.descriptions.texts[text] for text in train.unlabelled.of_row] == [f"text of {cve}" for cve in named]
