# Commands that a study's folder and the product's checkout share.
.PHONY: adopt record stale why prune dvc-yaml

adopt: ## after `dvc pull` or a checkout: keep what still holds, say what will run (FROM=branch: after a merge)
	@rlscale adopt $(if $(FROM),--from $(FROM))

record: ## after a direct Snakemake run: make it known to DVC (refused while work is outstanding)
	@rlscale record

stale: ## list results that were made by older code
	@rlscale stale

why: ## what a result was made from, back to the raw data (FILE=results/fig_k_of_N.pdf)
	@rlscale why $(or $(FILE),results/fig_k_of_N.pdf)

prune: ## list cells that the configuration no longer names (YES=1: remove them; CHECKPOINTS=1: and checkpoints of evaluated cells)
	@rlscale prune $(if $(filter 1,$(CHECKPOINTS)),--checkpoints) $(if $(filter 1,$(YES)),--remove)

dvc-yaml: ## write dvc.yaml from the configuration and the rules
	@rlscale dvc-yaml
