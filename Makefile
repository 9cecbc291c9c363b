# Two commands on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
# Everything that is written goes to .venv and build/.

PYTHON ?= python3
PORT ?= 8800
KILLS ?= 50
ARGS ?=
SEEDS ?= 300
MUTANT_SEEDS ?= 150

BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST = $(BIN)/python -m pytest --junit-xml=build/$@.xml
SOURCES := bot commands tests

# Compiled tests are kept: to rewrite their assertions anew takes ten seconds of each run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test thorough real replicas browser simulate mutants campaign bench check format lock requirements schemas wheel clean

help: ## List these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

demo: $(RUNTIME) ## Try it without a Slack account (PORT=8800)
	$(BIN)/countersign demo --port $(PORT)

test: $(DEV) build ## The everyday tests (ARGS="-k word")
	$(PYTEST) -m "not browser and not real and not thorough" -n 2 --dist loadscope $(ARGS)

thorough: $(DEV) build ## What takes its time, or tries one thing at very many points
	$(PYTEST) -m "(thorough or hypothesis) and not real and not browser" \
		--hypothesis-profile=thorough -n 2 --dist loadscope $(ARGS)

real: $(DEV) build ## With the real HAProxy, Prometheus, Alertmanager and PostgreSQL, and kills
	$(PYTEST) -m real --ignore=tests/scenarios/test_replicas.py $(ARGS)

replicas: $(DEV) build ## Three processes behind a balancer, killed and paused (depends on a quick machine)
	$(PYTEST) -m real tests/scenarios/test_replicas.py $(ARGS)

browser: $(DEV) build ## The tests that drive Chromium
	$(PYTEST) -m browser $(ARGS)

simulate: $(DEV) build ## Whole releases on a virtual clock where all goes wrong (SEEDS=300, SEED=7)
	$(BIN)/python -m tests.simulation.world --report build/simulation.json \
		$(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(ARGS)

mutants: $(DEV) build ## Wrong versions of the bot, each of which the simulation has to find
	$(BIN)/python -m tests.simulation.mutants --seeds $(MUTANT_SEEDS) --report build/mutants.md $(ARGS)

campaign: $(DEV) build ## Kill real bots on both databases while they release (KILLS=50)
	$(BIN)/python -m tests.campaign --kills $(KILLS) $(ARGS)

bench: $(DEV) build ## How soon bad traffic is taken off, on real HAProxy and Prometheus
	$(BIN)/python -m tests.bench.reaction --faults 10 $(ARGS)
	$(BIN)/python -m tests.bench.alerting --alerts 20

check: $(DEV) ## Lint, format, types, arrows between packages, sizes, requirements
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.checks.sizes
	$(BIN)/python -m tests.requirements --check

format: $(DEV) ## Rewrite the code the way `make check` wants it
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# setuptools is locked with the rest, because the project itself is built without isolation.
LOCK = printf 'setuptools>=80\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	--custom-compile-command "make lock" pyproject.toml -

lock: $(DEV) ## Lock the newest versions that pyproject.toml allows (ARGS="--upgrade")
	$(LOCK) $(ARGS) --output-file requirements.txt
	$(LOCK) $(ARGS) --extra dev --constraints requirements.txt --output-file requirements-dev.txt

requirements: $(DEV) ## Write docs/requirements.md: what is asked for, and the tests that show it
	$(BIN)/python -m tests.requirements

schemas: $(DEV) ## Rebuild tests/schemas (needs npm)
	$(BIN)/python -m tests.checks.generate_schemas

wheel: $(DEV) build ## Build the wheel into build/wheel
	rm -rf build/wheel build/lib build/bdist.*
	$(BIN)/python -m build --wheel --no-isolation --outdir build/wheel .

clean: ## Remove what was built and installed here
	rm -rf build .venv *.egg-info

build:
	mkdir -p $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

$(RUNTIME): requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(DEV): requirements-dev.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements-dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@ $(RUNTIME)
