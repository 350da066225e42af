# make exercise   set up, do the homework, write headlab-report.html
# make test       set up, run the tests: all but the long ones, of which a sample; some fifteen minutes on two cores; with more, WORKERS=4
# make test-all   set up, run every test: at most an hour
# make gallery    run every task of the gallery, and write docs/gallery.md
# All need Python 3.11 or newer with venv; nothing else. (Where a C++ compiler is, GCC or Clang, it compiles the kernel; where none is, the
# kernel runs as WebAssembly, to the same bits. Node, when there is none, comes as a package.)

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
SOURCES := pyproject.toml CMakeLists.txt $(wildcard build_backend/headlab_build/*.py) web/package-lock.json $(shell find web/src -type f) \
	$(shell find src kernel -name "*.py" -o -name "*.cpp" -o -name "*.hpp" -o -name "*.h" -o -name "CMakeLists.txt" -o -name "*.pattern" \
	-o -name "*.j2" -o -path "*/programs/*" -o -name "*.json" -o -name "kernel.wasm")

ifdef UV
MAKE_VENV = uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL = VIRTUAL_ENV=$(VENV) uv pip install --quiet
WHEEL = uv build --quiet --python $(BIN)/python --wheel --out-dir
else
MAKE_VENV = $(PYTHON) -m venv $(VENV)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
WHEEL = $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir
endif

.PHONY: exercise test test-all gallery kernel kernel-check kernel-test kernel-test-aarch64 golden settings lint page benchmark durability truth smoke wheel-anywhere clean

exercise: $(VENV)/.installed
	@$(BIN)/headlab exercise

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

test-all: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -q -m "long or not long" --durations=20

# The kernel's own tests, without Python; and on another processor, where its compiler (g++-aarch64-linux-gnu) and qemu (qemu-user) are.
CMAKE := $(or $(shell command -v cmake),$(BIN)/cmake)
TEST_KERNEL = $(CMAKE) -S kernel -B $(1) $(2) >/dev/null && $(CMAKE) --build $(1) --parallel 2 >/dev/null && \
	$(dir $(CMAKE))ctest --test-dir $(1) --output-on-failure --parallel 2

kernel-test: $(CMAKE)
	$(call TEST_KERNEL,build/kernel)

kernel-test-aarch64: $(CMAKE)
	$(call TEST_KERNEL,build/kernel-aarch64,-DCMAKE_TOOLCHAIN_FILE=tests/aarch64.cmake)

$(BIN)/cmake: | $(VENV)/bin/python
	@$(INSTALL) cmake

# The kernel as a WebAssembly module, which is committed (whoever changes the kernel builds it again); and whether that was done.
MODULE_COMPILER = $(INSTALL) "$$($(BIN)/python kernel/module.py --needs)"

kernel: | $(VENV)/bin/python
	@$(MODULE_COMPILER) && $(BIN)/python kernel/module.py

kernel-check: | $(VENV)/bin/python
	@$(MODULE_COMPILER) && $(BIN)/python kernel/module.py --check

# The golden hashes of the same bits, from this build: they may change only together with NUMERICS.
golden: $(VENV)/.installed-dev
	$(BIN)/python tests/golden.py
	$(BIN)/python tests/native.py

# The settings as the page knows them, of Python's tables.
settings: $(VENV)/.installed-dev
	$(BIN)/python tests/settings.py

# The kernel's types come with the build; mypy reads the sources, and finds them there.
STUB := src/headlab/engine/_native.pyi
$(STUB): $(VENV)/.installed-dev
	@cp "$$(cd $(VENV) && bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/headlab/engine/_native.pyi" $@

lint: $(VENV)/.installed-dev $(STUB)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# The page's layout, mistakes that a linter finds, its types and its own tests; needs npm.
page:
	cd web && npm ci --no-audit --no-fund --silent && npm run --silent check && npm test --silent

benchmark: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/explanations.py
	$(BIN)/python benchmarks/discovery.py
	$(BIN)/python benchmarks/studies.py
	$(BIN)/python benchmarks/lab.py
	$(BIN)/python benchmarks/ways.py
	$(BIN)/python benchmarks/drawn.py
	$(BIN)/python benchmarks/cost.py
	$(BIN)/python benchmarks/bounded.py
	$(BIN)/python benchmarks/grades.py
	$(BIN)/python benchmarks/homework.py
	$(BIN)/python benchmarks/browsers.py

# Kill studies, fault their disk, damage their files: writes docs/durability.md.
durability: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/durability.py

# Recompute every clause said of thousands of runs on corpora drawn from a seed: writes docs/truth.md.
truth: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/truth.py --seed 11 --write

# Run every task over its seeds: writes docs/gallery.md, its figures, and the badges that `headlab tasks` shows.
gallery: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/gallery.py

# Build the wheel and use it in an environment that has nothing else.
smoke:
	sh .ci/smoke

# The wheel that fits every machine with Python, into dist/: one for a whole class. Neither it nor who installs it needs a compiler.
MOST_BYTES := 3000000
wheel-anywhere: | $(VENV)/bin/python
	@HEADLAB_BACKEND=wasm $(WHEEL) dist .
	@cd dist && for wheel in headlab-*-py3-none-any.whl; do \
		bytes=$$(wc -c <$$wheel); echo "dist/$$wheel: $$bytes bytes"; \
		[ $$bytes -le $(MOST_BYTES) ] || { echo "It is to have at most $(MOST_BYTES)." >&2; exit 1; }; done

$(VENV)/bin/python:
	@echo "Making $(VENV) ..."
	@$(MAKE_VENV)

$(VENV)/.installed: $(SOURCES) | $(VENV)/bin/python
	@echo "Building headlab and installing what it needs (once; about a minute) ..."
	@$(INSTALL) .
	@$(BIN)/headlab --version
	@touch $@

$(VENV)/.installed-dev: $(SOURCES) | $(VENV)/bin/python
	@echo "Building headlab and installing what its tests need (once; about two minutes) ..."
	@$(INSTALL) '.[dev]'
	@$(BIN)/headlab --version
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist headlab-report.html $(STUB)
