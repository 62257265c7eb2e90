# `make study` and `make test` do everything by themselves; `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
LOCK ?= cpu
CORES ?= $(shell nproc)
BIN := .venv/bin
INSTALL = requirements/install.py requirements/find_python.sh pyproject.toml

.PHONY: help study test test-long lint lock env clean-env

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/%.stamp: requirements/%.txt $(INSTALL)
	@python=$$(sh requirements/find_python.sh) && "$$python" requirements/install.py $*

env: .venv/$(LOCK).stamp ## make .venv from requirements/$(LOCK).txt (LOCK=cpu, gpu, dev or analysis)

lock: .venv/dev.stamp ## resolve requirements/*.in into the locks (UPGRADE=--upgrade: newest versions)
	@sh requirements/lock.sh $(UPGRADE)

clean-env: ## remove .venv
	rm -rf .venv
