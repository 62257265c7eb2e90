"""How a training job is started: processes and nodes.

All of it comes from a model's `resources:`; a recipe never names it.
"""

from rlscale.core.errors import StudyError
from rlscale.jobs.job import Job
from rlscale.jobs.schedulers import SLURM

# What a job's engine may set in trl.GRPOConfig: how a step is computed, not what it computes.
ENGINE = (
    "bf16", "gradient_checkpointing", "use_liger_kernel", "use_vllm", "vllm_mode",
    "vllm_enable_sleep_mode", "vllm_gpu_memory_utilization", "vllm_max_model_length",
    "vllm_tensor_parallel_size",
)  # fmt: skip
# A recipe may state them: TRL recomputes activations, which small models do not want; without a GPU
# products are in float32, which a CPU with bfloat16 need not take.
ENGINE_IN_RECIPES = ("gradient_checkpointing", "bf16")


def command(job: Job, folder: str) -> str:
    """The start of a shell command that runs a Python script as a job's resources say.

    Args:
        job: A model's.
        folder: Where accelerate's configurations lie, as the shell finds it.

    Returns:
        ``python``, ``accelerate launch`` on one node (by ``rlscale.jobs.launcher``), or the same by
        ``srun`` on several.
    """
    if job.launch == "plain":
        return "python"
    nodes = job.nodes
    launch = (
        f"python -m rlscale.jobs.launcher --config_file {folder}/{job.launch}.yaml"
        f" --num_processes {job.gpus} --num_machines {nodes}"
    )
    if nodes == 1:
        return f"{launch} --main_process_port 0"  # any free one: jobs may share a node
    return SLURM.on_nodes(launch, nodes, job.gpus_per_node)


def check(name: str, job: Job) -> None:
    """Refuse resources of a model that no job can be started with.

    Raises:
        StudyError: Names the model and the key.
    """
    where = f"resources of model '{name}'"
    gpus, nodes, how = job.gpus, job.nodes, job.launch
    if how == "plain" and gpus > 1:
        raise StudyError(f"{where}: gpus: {gpus} need a launch: ddp, fsdp2 or deepspeed_zero3")
    if how == "plain" and nodes > 1:
        raise StudyError(f"{where}: nodes: {nodes} need a launch: ddp, fsdp2 or deepspeed_zero3")
    if how != "plain" and (gpus == 0 or gpus % nodes):
        raise StudyError(f"{where}: gpus: {gpus} cannot be spread over {nodes} node(s)")
    if gpus == 0 and job.engine:
        raise StudyError(f"{where}: engine.{min(job.engine)}: for jobs with gpus")
    if job.engine.get("use_vllm") and job.engine.get("vllm_mode", "colocate") != "colocate":
        raise StudyError(
            f"{where}: engine.vllm_mode: a run's seed does not reach a server's engine, so that "
            "all seeds would be one run; use colocate"
        )
    together = job.engine.get("vllm_tensor_parallel_size", 1)
    if job.processes % together:
        raise StudyError(
            f"{where}: engine.vllm_tensor_parallel_size: {together} does not divide {gpus} gpus"
        )
