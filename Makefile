# A fresh machine needs nothing but Python 3.11 or newer: `make run` and `make test` set up what they use.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= python3

# The tests start hundreds of processes; without cached bytecode each would compile the harness anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run official pilot test test-slow test-device bench mutants lint install

run: $(STAMP)
	$(BIN)/harness run --method all --bench synthetic

# Thirteen core-hours under protocol 2; eight trials and three more scenarios make it several times as long. Cells with a
# record are not run again, so the target can be stopped and started again. The controls of the claim about text run on
# one scenario of each shift type; those of the strategies, which are cheap, on all. Two scenarios are also perturbed.
# The precision is fixed, so that a run continued on another processor has the same cells. A failed cell (exit code 1)
# does not stop the run: it counts with the scores of the fallback.
FOLDS := 0 1 2 3 4 5
ALL := all,text-guided-paper
ON_NGRAMS := control-no-penalty:ngrams,control-more-passes:ngrams,control-gradient:ngrams
ON_BYTES := control-no-penalty:byte-cnn,control-more-passes:byte-cnn
OFFICIAL := $(BIN)/harness run --preset standard --precision float32 --bench synthetic --results results/official

official: $(STAMP)
	set -e; for fold in $(FOLDS); do \
	  $(OFFICIAL) --seeds $$fold, --method $(ALL),controls --scenario cve-disjoint,planted-95 \
	    --perturb encoding,syntax,carrier || [ $$? -eq 1 ]; \
	  $(OFFICIAL) --seeds $$fold, --method $(ALL),controls --scenario rare-class || [ $$? -eq 1 ]; \
	  $(OFFICIAL) --seeds $$fold, --method $(ALL),$(ON_NGRAMS),$(ON_BYTES) --scenario \
	    iid,product-disjoint,technique-disjoint,cluster-disjoint,embedding-disjoint,planted-80 || [ $$? -eq 1 ]; \
	done
	$(BIN)/harness leaderboard
	$(BIN)/harness report --results results/official --output docs/report.html

# Hours: trains the default and 16 random configurations of every ranked method and rewrites docs/defaults.md. It can be
# stopped and started again. For some methods: make pilot METHODS=byte-cnn,irm
METHODS :=
pilot: $(STAMP)
	$(BIN)/python -m tests.tools.pilot $(if $(METHODS),--methods $(METHODS))

# Two files of tests at a time; what is timed runs alone.
test: $(STAMP)
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile --ignore tests/speed
	$(BIN)/pytest -m "not slow" tests/speed

test-slow: $(STAMP)
	HARNESS_FULL_ROUNDS=1 $(BIN)/pytest -n 2 --dist loadfile --ignore tests/speed
	HARNESS_FULL_ROUNDS=1 $(BIN)/pytest tests/speed

# One tiny cell per method that uses torch, on a GPU and on the processor; skipped without a GPU.
test-device: $(STAMP)
	$(BIN)/pytest -m device tests/methods/devices

# Minutes: times every part at two sizes beside its peers, saves them in .benchmarks, and prints them with growth exponents
# and ratios to the state that was saved last.
bench: $(STAMP)
	$(BIN)/pytest tests/bench -o python_files="bench_*.py" -o python_functions="bench_*" \
	  --benchmark-only --benchmark-save=bench --benchmark-quiet
	$(BIN)/python -m tests.tools.bench_table

# Hours: edits the protocol, statistics and splits one operator at a time and lists what no test notices. For one module:
# make mutants MODULES=harness/statistics/curves.py
MODULES :=
mutants: $(STAMP)
	$(BIN)/python -m tests.tools.mutants $(MODULES)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,test,dev]"
	touch $@
