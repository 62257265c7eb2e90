"""Scaling-law studies of RL post-training: the science behind the workflow.

Nothing here imports Snakemake or reads config.yaml; rules pass paths and settings in.
"""
