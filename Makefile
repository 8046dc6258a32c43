# livetrap: every target does its own set-up; a second run reuses it.
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
PEERS   := build/peers
INPUTS  := pyproject.toml constraints.txt
JOBS    ?= $(shell nproc)
PYTEST  := $(BIN)/pytest -n $(JOBS) --dist worksteal

.PHONY: help setup demo test lint unit bench campaign fuzz generate clean

help:              ## list the targets
	@grep -hE '^[a-z]+: .*##|^[a-z]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo  ## one chip end to end: load, snapshot, pull, verify
	@$(BIN)/livetrap demo

test: lint unit    ## everything CI runs

lint: $(VENV)/.dev   ## ruff and mypy (strict on host, sim/golden and formats)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy

unit: $(VENV)/.dev $(PEERS)/.ready  ## all tests
	$(BIN)/python -m sim.rtl.build
	$(PYTEST) -m "not slow" tests

bench: $(VENV)/.dev  ## exact cycle counts and printed rates; writes build/bench.json
	$(BIN)/python -m tests.bench

campaign: $(VENV)/.dev $(PEERS)/.ready  ## the long tests, which `make test` leaves out
	$(PYTEST) -m slow tests

fuzz: $(VENV)/.dev   ## ten minutes of random input for every parser
	$(BIN)/python -m tests.fuzz --minutes 10

generate: $(VENV)/.dev  ## write what is generated from the RTL and formats/
	$(BIN)/python -m rtl.generate
	$(BIN)/python -m formats.document

setup: $(VENV)/.dev  ## the development environment alone

clean:             ## remove everything that was built
	rm -rf build $(VENV)

# One line for each missing tool: its name and the Debian package that has it.
define need
command -v $(1) >/dev/null 2>&1 || { echo "livetrap: '$(1)' is missing: install it with 'apt-get install $(2)'" >&2; exit 2; }
endef

$(VENV)/.tools:
	@$(call need,$(PYTHON),python3)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "livetrap: Python 3.11 or newer is needed: install it with 'apt-get install python3', or name one with 'make PYTHON=...'" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "livetrap: Python's 'venv' is missing: install it with 'apt-get install python3-venv'" >&2; exit 2; }
	@$(call need,g++,g++)
	@$(call need,perl,perl)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.tools $(INPUTS)
	@echo "livetrap: setting up the Python environment (once)" >&2
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[emulator,train]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[emulator,train,plan,boards,dev]'
	@touch $@

# An independent COSE implementation, apart from our own environment.
$(PEERS)/.ready: $(VENV)/.tools constraints.txt
	@mkdir -p build
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/pip install -q --disable-pip-version-check -c constraints.txt pycose
	@touch $@
