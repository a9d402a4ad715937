# What people run: `make demo` and `make test`. The virtual environment makes itself, and again where what it was made
# from has changed.

.DEFAULT_GOAL := help
.PHONY: help demo demo-bot test quick static check package release chaos bench lock always

VENV := .venv
STAMP := $(VENV)/.installed
PEERS := .bench/peers
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet

# Tried in this order. A name says little (pyenv's python3.12 may only complain), so each is run before it is believed.
PYTHONS := $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3

help:
	@echo "make demo   a small bridge store, scanned into a PostgreSQL of its own in .demo/, and somebody who is answered"
	@echo "make demo-bot   an installation that answers: what users of earlier bots type, line by line; a minute"
	@echo "make test   every test; T=tests/integration/capture runs those alone"
	@echo "make quick  format, lint, types, imports, spelling and the unit tests: about a minute"
	@echo "make check  format, lint, types, imports, spelling, then every test"
	@echo "make package   sdist and wheel built, installed with every Python from 3.11 on that is here, and the image's steps run"
	@echo "make release   the same, and then both of them in dist/"
	@echo "make chaos  what the suite has one example of, thousands of times: histories, ways to end; EXAMPLES=n says how many"
	@echo "make bench  everything measured against its floor and its peers, into bench/RESULTS.md: half an hour"
	@echo "make lock   all three requirements anew from pyproject.toml; UPGRADE=1 takes the newest of everything"

demo: $(STAMP)
	@$(VENV)/bin/wamon demo --dir .demo

# psql is PostgreSQL's own; curl must be there.
demo-bot: $(STAMP)
	@$(VENV)/bin/python -m tests.support.demo_bot

# Each of the processes that test compiles what they all import, where they may not keep it.
unexport PYTHONDONTWRITEBYTECODE

# A file is what a process gets, in the order of `testpaths`: the longest come first.
PYTEST := $(VENV)/bin/python -m pytest --quiet --dist=loadfile --no-loadscope-reorder

test: $(STAMP)
	@$(PYTEST) --numprocesses=4 $(T)

quick: static
	@$(PYTEST) --numprocesses=2 tests/unit

# What the suite has an example of, and here many.
CHAOS := $(wildcard tests/faults/test_*properties.py) $(wildcard tests/faults/test_crash_*.py) tests/faults/test_random_kills.py \
	tests/faults/kills_together.py tests/faults/kills_in_conversations.py \
	tests/integration/capture/test_every_bridge.py tests/integration/web/test_restarts.py \
	tests/integration/bridge/test_store.py tests/unit/bridge tests/unit/config tests/unit/drops tests/faults/test_host.py \
	tests/faults/test_surroundings.py tests/faults/test_many_sources.py tests/faults/test_brokers.py tests/integration/ledger tests/integration/health tests/integration/capture/test_verify.py \
	tests/integration/capture/test_starts.py tests/integration/capture/test_edits.py tests/integration/postgres/test_names.py

chaos: $(STAMP)
	@WAMON_CHAOS_EXAMPLES=$(or $(EXAMPLES),2000) $(VENV)/bin/python -m pytest --timeout=0 $(CHAOS)

# The peers live apart: they need much that wamon doesn't. Where they can't be had, the bench says so, and goes on.
bench: $(STAMP)
	@$(MAKE) --no-print-directory $(PEERS)/.installed || rm -rf $(PEERS)
	@$(VENV)/bin/python -m bench --folder .bench --peers $(PEERS)/bin/python

$(PEERS)/.installed: bench/requirements.txt
	@echo "Installing what wamon is measured beside into $(PEERS) …"
	@$(VENV)/bin/python -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: -r $<
	@touch $@

check: static
	@$(MAKE) --no-print-directory test

# Each file is a process's: one builds the image, the other installs.
package: $(STAMP)
	@$(PYTEST) --numprocesses=2 tests/package

release: package
	@rm -rf dist
	@$(VENV)/bin/python -m hatchling build -d dist
	@echo "Both are tried. Tag them: git tag v$$($(VENV)/bin/python -c 'import wamon; print(wamon.__version__)')"

static: $(STAMP)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/codespell *.md docs config systemd wamon/cli wamon/views wamon/web/templates

# The stamp says where the environment was made. Where the checkout has moved or its Python has gone, it doesn't stand.
ifneq ($(shell $(VENV)/bin/python -c 'print(open("$(STAMP)").read())' 2>/dev/null),$(CURDIR))
$(STAMP): always
endif

$(STAMP): pyproject.toml requirements.txt
	@if test -e $@ && test "$$(cat $@)" != "$(CURDIR)" || ! $(call is_fit,$(VENV)/bin/python,pip); then $(make_venv); fi
	@echo "Installing wamon and what it needs into $(VENV) …"
	@$(PIP) --require-hashes --only-binary :all: -r requirements.txt
	@$(PIP) --no-index --no-deps --no-build-isolation -e .
	@printf '%s\n' "$(CURDIR)" > $@

is_fit = $1 -c 'import sys, $2; sys.exit(sys.version_info < (3, 11))' 2>/dev/null

define make_venv
for python in $(PYTHONS); do \
	$(call is_fit,$$python,time) || continue; \
	found=$$python; \
	$(call is_fit,$$python,ensurepip$(comma) venv) || continue; \
	echo "Making $(VENV) with $$($$python --version) …"; \
	exec $$python -m venv --clear $(VENV); \
done; \
if test "$$found"; then \
	echo "$$found can't make a virtual environment: it lacks venv or ensurepip." >&2; \
	echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; \
else \
	echo "wamon needs Python 3.11 or newer; none of these is one: $(strip $(PYTHONS))" >&2; \
	echo "Install one, or name one: make demo PYTHON=/path/to/python3" >&2; \
fi; \
exit 1
endef
comma := ,

# editables: hatchling asks for it when it installs the checkout itself.
lock:
	@set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	for python in $(PYTHONS); do $(call is_fit,$$python,ensurepip$(comma) venv) && break; done; \
	$$python -m venv "$$scratch/venv"; \
	"$$scratch/venv/bin/python" -m pip --disable-pip-version-check install --quiet uv; \
	pin() { \
		file=$$1; what=$$2; shift 2; \
		cp $$file "$$scratch/lock"; \
		"$$scratch/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			--no-annotate $(if $(UPGRADE),--upgrade) -o "$$scratch/lock" "$$@"; \
		{ echo "# Made by \`make lock\`: every package that $$what, by its hashes."; \
			grep -v '^#' "$$scratch/lock"; } > $$file; \
	}; \
	echo 'editables>=0.5' | pin requirements.txt 'wamon and its tests need' --extra web --group dev --group browser - pyproject.toml; \
	pin requirements-web.txt 'an installed wamon with its page needs' --extra web --constraint requirements.txt pyproject.toml; \
	pin bench/requirements.txt "the bench's peers need" --group bench
