"""train_cell.py under ZeRO-3 on CPUs (gloo): accelerate keeps DeepSpeed for accelerators."""

import runpy
from pathlib import Path

import torch.distributed
from accelerate import state
from reference_of_zeros import if_asked

begin, begin_accelerator = state.PartialState.__init__, state.AcceleratorState.__init__


def with_deepspeed(self, cpu=False, **named):
    fresh = "device" not in state.PartialState._shared_state
    begin(self, cpu=False, **named)
    if fresh:
        self.num_processes = torch.distributed.get_world_size()
        self.process_index = self.local_process_index = torch.distributed.get_rank()
        self.distributed_type = state.DistributedType.DEEPSPEED


def of_an_accelerator(self, mixed_precision=None, cpu=False, *more, **named):
    begin_accelerator(self, mixed_precision, False, *more, **named)


state.PartialState.__init__ = with_deepspeed
state.AcceleratorState.__init__ = of_an_accelerator
state.AcceleratorState._check_initialized = lambda self, *given: None

if_asked()
runpy.run_path(str(Path(__file__).with_name("train_cell.py")), run_name="__main__")
