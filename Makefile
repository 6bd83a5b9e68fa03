# anyseg: make demo shows it at work, make test checks it. Both set up $(VENV) on the first call.
VENV ?= .venv
PYTHON ?=
export PYTHON

RUN := $(VENV)/bin/
STAMP := $(VENV)/.set-up
# What the environment is made from. The package's own modules are not copied: it is editable.
SOURCES := setup.py setup.cfg pyproject.toml constraints.txt package.xml scripts/setup_venv \
	$(wildcard launch/*.launch.py config/* config/rigs/* resource/* scripts/launchers/*)

.PHONY: help demo test lint types format docs setup clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile
	@echo "Variables: VENV=folder (default .venv), PYTHON=interpreter (3.11 or 3.12), ARGS=for demo or test"

demo: $(STAMP) ## run the main job: four simulated sensors over DDS, sensors fail and return
	@echo "Running: anyseg demo $(ARGS)"
	@$(RUN)anyseg demo $(ARGS)

test: lint types ## lint, types and every test
	@echo "Running the tests"
ifdef ARGS
	@$(RUN)python -m pytest $(ARGS)
else
	@$(RUN)python -m pytest -n 2 --dist loadfile --ignore test/anyseg_ros
	@echo "Running the tests over DDS, one at a time"
	@$(RUN)python -m pytest test/anyseg_ros
endif

lint: $(STAMP) ## ruff: rules and format
	@echo "Checking rules and format"
	@$(RUN)ruff check .
	@$(RUN)ruff format --check .

types: $(STAMP) ## mypy, strict
	@echo "Checking types"
	@$(RUN)mypy

format: $(STAMP) ## let ruff correct and format what it can
	@$(RUN)ruff check --fix .
	@$(RUN)ruff format .

docs: $(STAMP) ## build the pages of docs/ into build/docs
	@$(RUN)sphinx-build -q -W --keep-going -b html docs build/docs
	@echo "written: build/docs/index.html"

setup: $(STAMP) ## set up the environment only

$(STAMP): $(SOURCES)
	@scripts/setup_venv $(VENV)
	@touch $@

clean: ## remove the environment and everything built
	rm -rf $(VENV) build install log *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find anyseg_core anyseg_ros test launch -name __pycache__ -prune -exec rm -rf {} +
