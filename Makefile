# `make study` and `make test` do everything by themselves; `make help` lists the rest.
.DEFAULT_GOAL := help
LOCK ?= cpu
CORES ?= $(shell nproc)
CONFIG ?=
PYTEST ?=
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export CORES
STUDY = $(if $(CONFIG),--configfile $(CONFIG))
INSTALL = requirements/install.py requirements/find_python.sh pyproject.toml
PYTHON_FILES = src tests workflow benchmarks requirements
SNAKE_FILES = Snakefile $(wildcard workflow/rules/*.smk)

include workflow/study.mk

.PHONY: help study test test-long lint new-study docs lock env clean clean-env

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

study: .venv/$(LOCK).stamp ## the whole study, from data to figures (CONFIG=config/paper.yaml: another one)
	@echo "study: $(or $(CONFIG),config/config.yaml) on $(CORES) cores, into results/ and checkpoints/;"
	@echo "study: the embedded study takes about 15 minutes on 2 idle cores and under 8 GiB of memory;"
	@echo "study: finished steps are kept: interrupt it and run it again as you like"
	@rlscale run $(STUDY)
	@$(MAKE) --no-print-directory results/report.html
	@echo "study: figures: $$(ls results/fig_*.pdf | tr '\n' ' ')"
	@echo "study: report:  results/report.html"

results/report.html: $(wildcard results/fig_*.pdf results/fits/*.json workflow/report/*.rst)
	@snakemake --cores 1 $(STUDY) --quiet all --report $@

test: .venv/dev.stamp ## the tests (PYTEST='-k NAME' for some of them)
	@echo "test: about 15 minutes on 2 idle cores; what is skipped is listed at the end with its reason"
	@python -m pytest -m "not long" -n 2 --dist loadfile $(PYTEST)

test-long: .venv/dev.stamp ## the campaigns that `make test` leaves out (hours)
	@python -m pytest -m long $(PYTEST)

lint: .venv/dev.stamp ## ruff, snakefmt, codespell, snakemake --lint
	@ruff check $(PYTHON_FILES)
	@ruff format --check $(PYTHON_FILES)
	@snakefmt --check $(SNAKE_FILES)
	@codespell
	@python workflow/lint.py

new-study: .venv/$(LOCK).stamp ## a study's own folder, with git and DVC (DIR=../my-study CONFIG=config/paper.yaml)
	@rlscale new-study $(or $(DIR),$(error name the folder: make new-study DIR=../my-study)) \
		--config $(or $(CONFIG),config/config.yaml)

docs: .venv/$(LOCK).stamp ## write config/README.md from the configuration's schema
	@python -m rlscale.config_table workflow/schemas/config.schema.yaml config/README.md

lock: .venv/dev.stamp ## resolve requirements/*.in into the locks (UPGRADE=--upgrade: newest versions)
	@sh requirements/lock.sh $(UPGRADE)

env: .venv/$(LOCK).stamp ## make .venv from requirements/$(LOCK).txt (LOCK=cpu, gpu, dev or analysis)

.venv/%.stamp: requirements/%.txt $(INSTALL)
	@python=$$(sh requirements/find_python.sh) && "$$python" requirements/install.py $*

clean: ## remove all that was made: results/, checkpoints/, logs/ (only with YES=1)
	@if [ "$(YES)" = 1 ]; then rm -rf results checkpoints logs .state; \
	else du -shc results checkpoints logs 2>/dev/null; echo "nothing removed; say make clean YES=1"; fi

clean-env: ## remove .venv
	rm -rf .venv
