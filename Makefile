# On a machine with Python 3.11 or newer, pip and make, and nothing else:
#   make demo    install into .venv, train two methods on small digits, show what they generate
#   make test    install into .venv, run the tests
# Before a release:
#   make test-oldest    run the tests with the oldest dependencies that pyproject.toml allows, on each of PYTHONS
#   make test-newest    the same with the newest
#   make release        build sdist and wheel into dist/, check them, try the wheel in an environment of its own
# Another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
EXTRAS := .venvs/extras
RELEASE := .venvs/release
WHEEL := .venvs/wheel
PYTHONS ?= python3.11 python3.12 python3.13 python3.14
# For pytest, in test-oldest and test-newest: make test-oldest ARGS="tests/densities -x"
ARGS ?= -n auto

.PHONY: demo test lint test-extras test-oldest test-newest release clean

# One thread: on networks as small as these a second one costs more than it brings, most of all on a busy machine.
demo test release: export OMP_NUM_THREADS = 1

demo: $(INSTALLED)
	$(BIN)/noiseless compare ae rae-l2 --data digits --width 16 --latent 16 --steps 2000 --threads 1 -n 179 --out runs/demo
	@echo
	@echo "These distances are between few images: the digits' test part has 179. They show the way, not a result."
	@echo "Look at runs/demo/samples.png, and at runs/demo/ae/pictures and runs/demo/rae-l2/pictures."

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# torch===: the wheel of exactly this name, not a CPU build of it (2.13.0+cpu), beside which torchvision does not import.
test-extras: $(EXTRAS)/.installed
	$(EXTRAS)/bin/python -m pytest tests/metrics/test_metrics_inception.py

test-oldest test-newest: test-%: $(RELEASE)/.installed
	$(RELEASE)/bin/python release/matrix.py $* $(PYTHONS) -- $(ARGS)

# Uploads nothing.
release: $(RELEASE)/.installed
	rm -rf dist $(WHEEL)
	$(RELEASE)/bin/python -m build --outdir dist
	$(RELEASE)/bin/python -m twine check --strict dist/*
	$(RELEASE)/bin/python release/contents.py dist
	$(call venv,$(WHEEL))
	$(WHEEL)/bin/python -m pip install -c constraints.txt dist/*.whl
	cd $(WHEEL) && bin/noiseless --version && bin/noiseless list methods && \
	    bin/noiseless train rae-l2 --data digits --width 16 --steps 20 --threads 1 --out run

clean:
	rm -rf .venv .venvs dist runs/demo

define venv
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	    "noiseless needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; try: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	    echo "$(PYTHON) comes without venv or ensurepip; install them (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	test -x $(1)/bin/pip || $(PYTHON) -m venv $(1)
endef

$(INSTALLED): pyproject.toml constraints.txt
	$(call venv,.venv)
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@

$(EXTRAS)/.installed: pyproject.toml constraints.txt
	$(call venv,$(EXTRAS))
	$(EXTRAS)/bin/python -m pip install -c constraints.txt 'torch===2.13.0' -e '.[dev,inception]'
	@touch $@

$(RELEASE)/.installed: constraints.txt
	$(call venv,$(RELEASE))
	$(RELEASE)/bin/python -m pip install -c constraints.txt build twine uv
	@touch $@
