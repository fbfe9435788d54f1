# A fresh machine needs nothing but Python 3.11 or newer: `make run` and `make test` set up what they use.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= python3

.PHONY: run test test-slow lint install

run: $(STAMP)
	$(BIN)/harness run --method all --bench synthetic

# Two files of tests at a time; what is timed runs alone.
test: $(STAMP)
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile --ignore tests/speed
	$(BIN)/pytest -m "not slow" tests/speed

test-slow: $(STAMP)
	HARNESS_FULL_ROUNDS=1 $(BIN)/pytest -n 2 --dist loadfile --ignore tests/speed
	HARNESS_FULL_ROUNDS=1 $(BIN)/pytest tests/speed

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test,dev,oracles,ray,report]"
	touch $@
