# One command each. `make run` and `make test` do all the set-up themselves, in .venv, and install nothing elsewhere.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test coverage lint bench fuzz demo schema screenshots clean

run: .venv/run            ## poll every feed of config.yaml once, show what was tagged
	@$(BIN)/watchfloor run --force --or-demo

demo: .venv/run           ## the whole pipeline on bundled feeds, without a network
	@$(BIN)/watchfloor demo

test: .venv/dev           ## the whole suite
	@$(BIN)/python -m pytest -n auto --dist loadfile

coverage: .venv/dev       ## the same with branch coverage, which takes half as long again
	@$(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=term:skip-covered

lint: .venv/dev           ## style, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: .venv/dev          ## speed and memory, as a table
	@$(BIN)/python -m benchmarks

fuzz: .venv/dev           ## ten minutes of mutated real feeds
	@$(BIN)/python -m benchmarks.fuzz 10

schema: .venv/dev         ## write db/schema.sql and the watch-lists' JSON Schema anew
	@$(BIN)/python -m tests.test_schema

screenshots: .venv/dev    ## take the pictures of the README anew
	@$(BIN)/python -m tests.screenshots

clean:                    ## remove what the commands above made, except databases
	rm -rf .venv dist build .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed; install it and try again" >&2; exit 1; }
	@echo "making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "error: venv failed (on Debian: apt install python3-venv)" >&2; exit 1; }

.venv/run: pyproject.toml | .venv/bin/python
	@echo "installing watchfloor into .venv"
	@$(PIP) install --quiet --editable .
	@touch $@

.venv/dev: pyproject.toml | .venv/bin/python
	@echo "installing watchfloor and its tools into .venv"
	@$(PIP) install --quiet --editable '.[dev]'
	@touch $@ .venv/run
