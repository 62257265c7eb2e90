"""train_cell.py with vLLM colocated on a CPU.

TRL's own way of handing over weights fails there, where layers are packed: vLLM's reload takes its
place. With UNSEEDED=1 the seeds that vLLM's start sets stay.
"""

import os
import runpy
from pathlib import Path

from trl.generation.vllm_generation import VLLMGeneration

from rlscale.training import build


def sync_weights(self):
    runner = self.llm.llm_engine.model_executor.driver_worker.model_runner
    tensors = [(name, value.detach().clone()) for name, value in self._iter_named_params()]
    runner.reload_weights(weights_iterator=tensors)
    model = runner.get_model()
    model.lm_head.quant_method.process_weights_after_loading(model.lm_head)
    self.llm.reset_prefix_cache()


VLLMGeneration.sync_weights = sync_weights
if os.environ.get("UNSEEDED"):
    build.seed_rollouts = lambda config: None
runpy.run_path(str(Path(__file__).with_name("train_cell.py")), run_name="__main__")
