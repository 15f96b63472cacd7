# `make tune` and `make test` set up all they need; nothing else has to be installed first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help tune test quick lint bench clean

help:
	@echo "make tune    set up and tune LightGBM on breast_cancer (about a minute in all)"
	@echo "make test    set up, check style, types and layers, and run every test"
	@echo "make quick   the fast tests only"
	@echo "make lint    ruff, mypy and import-linter"
	@echo "make bench   the figures of the README, measured here"

# a build tool's own wheels obey constraints too, so both installs are one short step each
$(BIN)/automl-agent: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/automl-agent
	$(PIP) --editable '.[dev]'
	@touch $@

tune: $(BIN)/automl-agent
	$(BIN)/automl-agent tune --dataset breast_cancer --model lgbm --trials 25

# bubblewrap contains generated code; where it cannot be installed its tests are skipped, saying so
.PHONY: bubblewrap
bubblewrap:
	@command -v bwrap >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    (apt-get install -y -qq bubblewrap || { apt-get update -qq && apt-get install -y -qq bubblewrap; }) >/dev/null 2>&1 \
	      || echo "bubblewrap cannot be installed here: its tests are skipped"; \
	  else echo "bubblewrap is not installed (apt-get install bubblewrap): its tests are skipped"; fi; }

test: $(VENV)/.dev bubblewrap lint
	$(BIN)/pytest

quick: $(VENV)/.dev
	$(BIN)/pytest -m "not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/spine.py

clean:
	rm -rf $(VENV) build dist *.egg-info
