# make check   run the conformance suite on the built-in backends; writes report/index.html
# make test    run the linter, the type checker and the tests of this project
# make docs    build the documentation site; writes build/site/index.html
# make clean   remove everything that the other targets created

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ROOMS  := files reference interchange native export backends conformance verification plots cli
PINS   := pyproject.toml constraints.txt $(wildcard native/src/*.* native/src/xla/* native/include/*)

.PHONY: check test docs clean
.DELETE_ON_ERROR:

check: $(VENV)/.installed-all
	@echo "== conformance suite"
	@mkdir -p report
	@$(BIN)/peerspec check reference torch jax onnxruntime --size minimal --overwrite \
	  --json report/report.json --html report/index.html; status=$$?; echo "wrote report/index.html"; exit $$status

test: $(VENV)/.installed-dev
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "== mypy"
	@rm -rf build/types
	@mkdir -p build/types/peerspec
	@for part in $(ROOMS) $(notdir $(wildcard package/*.py)); do ln -s ../../../$$(test -d $$part || echo package/)$$part build/types/peerspec/$$part; done
	@MYPYPATH=build/types $(BIN)/mypy -p peerspec
	@echo "== import-linter"
	@PYTHONPATH=build/types $(BIN)/lint-imports
	@echo "== pytest"
	@$(BIN)/python -m pytest -q --numprocesses auto --maxprocesses 4

docs: $(VENV)/.installed-dev
	@echo "== documentation site"
	@$(BIN)/python docs/site build/site
	@echo "wrote build/site/index.html"

clean:
	rm -rf $(VENV) build report *.egg-info .import_linter_cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# mypy and import-linter cannot follow the import hook of an editable install, so links in build/types/peerspec show them
# all folders as one package.

$(VENV)/.installed-dev: $(PINS) | $(BIN)/python
	@echo "== installing peerspec with torch, jax, onnxruntime and the tools for the tests; the first time takes minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	@touch $(VENV)/.installed-all $@

$(VENV)/.installed-all: $(PINS) | $(BIN)/python
	@echo "== installing peerspec with torch, jax and onnxruntime; the first time takes minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all]"
	@touch $@

$(BIN)/python:
	@echo "== virtual environment in $(VENV)"
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || \
	  { echo "peerspec needs Python 3.11 or newer as '$(PYTHON)'; install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || \
	  { echo "'$(PYTHON)' lacks the venv module; install it (Debian, Ubuntu: apt-get install python3-venv), then run make again" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
