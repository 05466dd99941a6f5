# Every target makes what it needs: the first run creates .venv from the hash-locked requirements.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:

# The interpreter that creates .venv; the first of these that is 3.11 or newer is taken.
PYTHON ?= python3
CANDIDATES := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11

BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed
# The lock names everything, so nothing is resolved: pip would look at newer releases for an extra (``coverage[toml]``)
# and refuse them for having no hash.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
LOCK := env PIP_FIND_LINKS= CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

# What names a real CloudStack to the contract suite. "make contract" reads it; "make test" never does.
CONTRACT_SETTINGS := $(addprefix CLOUDSTACK_CONTRACT_,ENDPOINT KEY SECRET PLAIN_KEY PLAIN_SECRET MAY_DESTROY)
FORGET_CONTRACT := env $(addprefix -u ,$(CONTRACT_SETTINGS))

# Everything is run from the project's folder, so nothing of ours has to be installed.
export PYTHONPATH := $(CURDIR)

.PHONY: help demo up test contract lint types golden lock clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

demo: $(RUNTIME) ## start everything on embedded defaults, run four failovers, print what went where, stop
	@$(BIN)/python -m embedded demo

up: $(RUNTIME) ## leave the same stack running on fixed ports until Ctrl-C
	@$(BIN)/python -m embedded up

test: $(DEV) ## run the whole test suite (ARGS="tests/rules -k guard" runs a part, without the coverage gate)
	@$(FORGET_CONTRACT) $(BIN)/python -m pytest $(if $(strip $(ARGS)),$(ARGS),--cov=rules --cov-branch --cov-report=term-missing:skip-covered)

contract: $(DEV) ## check what is relied on in CloudStack, at the simulator or a named server (docs/contract.md)
	@$(BIN)/python -m pytest tests/contract --timeout=1800 $(ARGS)

lint: $(DEV) ## check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV) ## check types, tests included
	@$(BIN)/mypy .

golden: $(DEV) ## record the golden histories anew, after the workflow changed on purpose
	@$(BIN)/python -m tests.replay.record

lock: $(DEV) ## write requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade takes newer versions)
	@$(LOCK) $(UPGRADE) --extra cli --extra server --output-file requirements/runtime.txt pyproject.toml
	@$(LOCK) $(UPGRADE) --extra cli --extra server --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml

clean: ## remove .venv and every cache in this folder (the Temporal CLI kept in ~/.cache stays)
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(CANDIDATES); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		echo "Creating .venv with $$("$$python" --version) ..."; \
		"$$python" -m venv .venv && exit 0; \
		rm -rf .venv; \
		echo "error: '$$python -m venv' failed. On Debian or Ubuntu: apt-get install python3-venv" >&2; \
		exit 1; \
	done; \
	echo "error: Python 3.11 or newer is needed and none was found; tried: $(CANDIDATES)." >&2; \
	echo "       Install one, or name it: make PYTHON=/path/to/python3.11 ..." >&2; \
	exit 1

$(RUNTIME): requirements/runtime.txt | $(BIN)/python
	@echo "Installing the run-time dependencies (requirements/runtime.txt) ..."
	@$(INSTALL) -r requirements/runtime.txt
	@touch $@

# The development lock holds every run-time pin as well, so one install serves both.
$(DEV): requirements/dev.txt requirements/runtime.txt | $(BIN)/python
	@echo "Installing the run-time and development dependencies (requirements/dev.txt) ..."
	@$(INSTALL) -r requirements/dev.txt
	@touch $(RUNTIME) $@
