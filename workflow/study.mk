# Commands that a study's folder and the product's checkout share.
CORES ?= $(shell nproc)
CONFIG ?=
export CORES
STUDY = $(if $(CONFIG),--configfile $(CONFIG))
REPORT_STYLE := $(dir $(lastword $(MAKEFILE_LIST)))report/report.css

.PHONY: study adopt pull record stale why prune dvc-yaml fetch cluster-status

study: $(ENVIRONMENT) ## the whole study, from data to figures (CONFIG=config/paper.yaml: another one)
	@echo "study: $(or $(CONFIG),config/config.yaml) on $(CORES) cores, into results/ and checkpoints/;"
	@echo "study: the embedded study takes about 12 minutes on 2 cores (22 CPU-minutes), under 8 GiB of memory;"
	@echo "study: finished steps are kept: interrupt it and run it again as you like"
	@rlscale run $(STUDY)
	@echo "study: figures: $$(ls results/fig_*.pdf | tr '\n' ' ')"
	@echo "study: report:  results/report.html"

results/workflow_report.html: $(wildcard results/report.html)
	@snakemake --cores 1 $(STUDY) --quiet all --report $@ --report-stylesheet $(REPORT_STYLE)

adopt: ## after `dvc pull` or a checkout: keep what still holds, say what will run (YES=1: remove what is damaged; FROM=branch: after a merge)
	@rlscale adopt $(if $(filter 1,$(YES)),--yes) $(if $(FROM),--from $(FROM))

pull: ## the big files of a clone, from DVC's remote: fetched, checked, adopted (FILES=results/cells: some of them)
	@rlscale pull $(if $(filter 1,$(YES)),--yes) $(FILES)

record: ## after a direct Snakemake run: make it known to DVC (refused while work is outstanding)
	@rlscale record

stale: ## list results that were made by older code
	@rlscale stale

why: ## what a result was made from, back to the raw data (FILE=results/fig_k_of_N.pdf)
	@rlscale why $(or $(FILE),results/fig_k_of_N.pdf)

prune: ## list cells that the configuration no longer names (YES=1: remove them; CHECKPOINTS=1: and checkpoints of evaluated cells)
	@rlscale prune $(if $(filter 1,$(CHECKPOINTS)),--checkpoints) $(if $(filter 1,$(YES)),--remove)

fetch: ## on a cluster, where there is a network: all that the study reads from hubs (CONFIG=...)
	@snakemake fetch --cores $(CORES) $(STUDY)

cluster-status: ## cells done, running, waiting and failed, with the ends of failed logs; GPU-hours
	@rlscale cluster-status

dvc-yaml: ## write dvc.yaml from the configuration and the rules
	@rlscale dvc-yaml
