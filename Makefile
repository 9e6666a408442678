# Every target installs what it needs into .venv first.
PYTHON ?= python3
BIN := .venv/bin
# One thread each, since threads that share cores slow each other down; two processes more than two
# cores, since tests of graders wait for other processes; compiled modules are kept, as for users.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(BIN)/pytest -n 4 --dist worksteal
# Where PyTorch lies without CUDA; its files have no hashes in requirements.lock.
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
# Versions other than those of requirements.lock are tried in an environment of their own.
OTHER := build/$(notdir $(PYTHON))$(TORCH:%=-torch-%)$(RICH:%=-rich-%)$(PSUTIL:%=-psutil-%)

.PHONY: help setup demo reference test test-all test-slowest test-torch bench lint format lock

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/installed  ## Install the kit into .venv; TORCH=cpu without CUDA, for computers without a GPU

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
ifeq ($(TORCH),cpu)
	sed -nE 's/^((torch|torchvision)==[^ ;]*).*/\1/p' requirements.lock > .venv/torch.txt
	awk '/^[a-z0-9]/ { left_out = /^(torch|torchvision|triton|nvidia-.*|cuda-.*)==/ } !left_out' requirements.lock > .venv/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --index-url $(CPU_INDEX) -r .venv/torch.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/lock.txt
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
endif
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
	@echo 'installed; next: source .venv/bin/activate && cd assignment && lab3 status'

demo: setup  ## The whole lab on real images, about three minutes
	$(BIN)/lab3 demo

reference: setup  ## The published results on the digits anew, some minutes; git diff shows what changed
	$(BIN)/lab3 reference digits --publish

test: setup  ## The test suite without what is marked slow
	$(PYTEST) -m "not slow"

test-all: setup  ## Every test
	$(PYTEST)

test-slowest: setup  ## The test suite, with its 20 slowest tests
	$(PYTEST) -m "not slow" --durations=20

test-torch:  ## The test suite with TORCH=2.11.0 or the newest; RICH, PSUTIL and PYTHON can be chosen too
	$(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check \
	  $(TORCH:%=torch==%) $(RICH:%=rich==%) $(PSUTIL:%=psutil==%) --editable '.[dev]'
	$(subst $(BIN),$(OTHER)/bin,$(PYTEST)) -m "not slow"

bench: setup  ## Speed of training, grading, exports, overview, integers; what the review finds
	$(BIN)/python tests/benchmarks/train_loop.py
	$(BIN)/python -m tests.benchmarks.grade_code
	$(BIN)/python -W ignore -m tests.benchmarks.grade_class
	$(BIN)/python -W ignore -m tests.benchmarks.publish
	$(BIN)/python -W ignore -m tests.benchmarks.overview
	$(BIN)/python tests/benchmarks/hardware.py
	$(BIN)/python -m tests.benchmarks.review

lint: setup  ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy $(foreach name,resnet observer,--shadow-file assignment/lab3/$(name).py solution/lab3/$(name).py)

format: setup  ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup  ## Resolve requirements.lock anew (UPGRADE=--upgrade for newer versions)
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --quiet \
	  --no-annotate --generate-hashes --custom-compile-command "make lock" $(UPGRADE) \
	  --output-file requirements.lock
