# A fresh machine needs nothing but Python 3.11 or newer: `make run` and `make test` set up what they use.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= python3

.PHONY: run test test-slow lint install

run: $(STAMP)
	$(BIN)/harness run --method all --bench synthetic

test: $(STAMP)
	$(BIN)/pytest -m "not slow"

test-slow: $(STAMP)
	HARNESS_FULL_ROUNDS=1 $(BIN)/pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test,dev,oracles,ray]"
	touch $@
