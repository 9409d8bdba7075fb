# `make help` lists what there is. Everything lives in .venv/; nothing else on the machine is changed, but for
# Chromium, which `make test` installs with apt-get where it may.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
UV = $(BIN)/uv
# A module's tests share what they start, a folder's often too: neighbours run one after the other.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder
# The versions of requirements.lock, without what only a developer needs.
LOCK_OF_IT = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --constraint requirements.lock --custom-compile-command "make lock"
IMAGE ?= pillion:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

.PHONY: setup
setup: $(INSTALLED) ## Make .venv/ and install Pillion and all it needs, as pinned in requirements.lock

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Pillion needs Python 3.11 or later; '$(PYTHON)' is older. Name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	@# uv takes a third of pip's time; where it cannot get at an index that pip is set up for, pip does it.
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock >$(VENV)/uv.lock
	$(PIP) install --require-hashes -r $(VENV)/uv.lock
	$(UV) pip install --quiet --system-certs --python $(BIN)/python --compile-bytecode --require-hashes \
		-r requirements.lock || $(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: demo
demo: setup ## Run examples/shop, and say where it is and what to try
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/shop/demo

.PHONY: test
test: setup test-programs ## Run all tests; Chromium and PostgreSQL are installed for those that need them where that can be done
	$(PYTEST)
	@if $(BIN)/python -c 'import sys; from tests import postgres; sys.exit(not postgres.is_there())'; \
		then $(MAKE) --no-print-directory test-postgresql; fi

.PHONY: test-programs
test-programs: setup
	@tests/install-browser
	@tests/install-postgresql
	@tests/install-clients
	@tests/install-apache
	@tests/install-kubectl
	@tests/install-promtool
	@tests/install-nftables

.PHONY: test-postgresql
test-postgresql: setup ## Run identity's tests on PostgreSQL, as `make test` does at its end
	PILLION_TEST_DATABASE=postgresql $(PYTEST) tests/identity

.PHONY: check
check: setup ## Check format, lint, types and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: bench
bench: setup ## Measure: requests per second, latency, memory, time to ready; as ratios of one run
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks

.PHONY: format
format: setup ## Format the code, and mend what lint can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: goldens
goldens: setup ## Write the golden folders and docs/attacks.md anew; look at the difference before you commit it
	$(BIN)/python -m tests.goldens.compiled
	$(BIN)/python -m tests.kubernetes.rendered
	$(BIN)/python -m tests.compose.test_project
	$(BIN)/python -m tests.attack.page

.PHONY: lock
lock: setup ## Resolve the dependencies anew into requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --extra shop --group dev pyproject.toml -o requirements.lock \
		--custom-compile-command "make lock"
	$(LOCK_OF_IT) pyproject.toml -o requirements-image.lock
	$(LOCK_OF_IT) --group build -o requirements-build.lock

.PHONY: image
image: ## Build the image with docker, podman or buildah; BASE=NAME@sha256:... pins what it is built on
	@if docker info >/dev/null 2>&1; then build="docker build"; \
	elif command -v podman >/dev/null; then build="podman build"; \
	elif command -v buildah >/dev/null; then build="buildah build"; \
	else echo "make image needs a builder: docker (whose daemon runs), podman or buildah" >&2; exit 1; fi; \
	set -x; $$build $(if $(BASE),--build-arg BASE=$(BASE)) $(BUILD_OPTIONS) -f Containerfile -t $(IMAGE) .

.PHONY: image-test
image-test: ## Build the image on a Debian made on the spot, and run it; needs root, buildah and mmdebstrap
	@tests/image/build-and-run

.PHONY: clean
clean: ## Take away what setup and the tests made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
