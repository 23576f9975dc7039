# Everything runs in a virtual environment in this folder. All paths are relative, so the checkout's path may contain spaces.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# A separate environment: the lock does not contain the extras, and `make check` compares .venv with the lock.
DISTRIBUTED := .venv-distributed
INSTALLED := $(VENV)/.installed
LOCK = $(VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --quiet --output-file requirements.lock

export DO_NOT_TRACK := 1

.PHONY: install lock upgrade demo dev api test test-distributed check format bench chaos mutants seeds clean stop
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/'

install: $(INSTALLED) ## Create .venv and install the pinned dependencies

# All packages are pinned with their hashes. The environment is created anew, so packages of an earlier lock disappear.
$(INSTALLED): requirements.lock
	@echo "Installing the pinned packages into $(VENV): about a minute." >&2
	$(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(INSTALLED)

lock: $(INSTALLED) ## Update the lock after a change of pyproject.toml; pins stay
	$(LOCK)

upgrade: $(INSTALLED) ## Pin the newest allowed versions, reinstall, then run the checks
	$(LOCK) --upgrade
	$(MAKE) check

# PAID=rehearsal runs the paid path without a key. It has its own data and ledger.
ifeq ($(PAID),rehearsal)
export MATCHME_LLM := rehearsal
export MATCHME_HOME := .matchme/rehearsal
endif

demo: $(INSTALLED) ## Six finished weeks of synthetic data and a summary; PAID=rehearsal: with tokens and cost
	$(PY) -m matchme_pipeline.cli.main demo

dev: $(INSTALLED) ## The Dagster UI and daemon over the same data
	$(PY) -m matchme_pipeline.cli.main dev

# `make bench matching_speed search`: the words after `bench` are names of benchmarks, not targets.
ifeq ($(firstword $(MAKECMDGOALS)),bench)
BENCHES := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(BENCHES):
	@:
else
api: $(INSTALLED) ## The HTTP API and its operations page over the same data
	$(PY) -m matchme_pipeline.cli.main api
endif

# Three workers on two cores: many tests wait for processes that they start.
test: $(INSTALLED) ## All tests
	$(PY) -m pytest -n 3 --dist worksteal

test-distributed: $(DISTRIBUTED)/.installed ## A week on Celery workers (needs redis-server), and steps as Kubernetes and Docker run them
	TEST_DISTRIBUTED=1 $(DISTRIBUTED)/bin/python -m pytest -rs matchme_pipeline_tests/distributed

$(DISTRIBUTED)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(DISTRIBUTED)
	$(DISTRIBUTED)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(DISTRIBUTED)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[celery,k8s,docker,ray]'
	@touch $(DISTRIBUTED)/.installed

check: $(INSTALLED) ## Format, lint, types, import rules, tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/dagster definitions validate --log-level warning
	$(PY) -m pytest -n 3 --dist worksteal

format: $(INSTALLED) ## Format, and apply the linter's fixes
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(INSTALLED) ## Run the benchmarks, or some: make bench matching_speed
	$(PY) -m matchme_pipeline_tests.bench $(BENCHES)

chaos: $(INSTALLED) ## Run weeks under faults, repeatably: SEED=1 ROUNDS=40 EXECUTOR=multiprocess
	$(PY) -m matchme_pipeline_tests.chaos --late $(if $(EXECUTOR),--executor $(EXECUTOR)) $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

mutants: $(INSTALLED) ## Mutation tests of the pure rules: GROUPS="masking dna" SAMPLE=150
	$(PY) -m matchme_pipeline_tests.mutants $(GROUPS) $(if $(SAMPLE),--sample $(SAMPLE))

seeds: $(INSTALLED) ## Run every property test with seeds 1 to SEEDS: SEEDS=20 KIND=--pure (or --database)
	$(PY) -m matchme_pipeline_tests.seeds --seeds $(or $(SEEDS),20) $(KIND)

stop: $(INSTALLED) ## Stop the embedded PostgreSQL
	$(PY) -m matchme_pipeline.cli.main db stop

clean: ## Remove the virtual environment and the embedded data
	-[ -x $(PY) ] && $(PY) -m matchme_pipeline.cli.main db stop
	rm -rf $(VENV) $(DISTRIBUTED) .matchme
