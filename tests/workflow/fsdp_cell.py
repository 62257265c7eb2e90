"""train_cell.py under FSDP on CPUs (gloo): accelerate takes FSDP's settings for accelerators only.

With REFERENCE=zeros the reference model's weights are zeros on every process but the first.
"""

import runpy
from pathlib import Path

from accelerate import state
from accelerate.utils import DistributedType
from reference_of_zeros import if_asked

begin = state.AcceleratorState.__init__


def with_fsdp(self, *arguments, fsdp_plugin=None, **named):
    fresh = "_mixed_precision" not in state.AcceleratorState._shared_state
    begin(self, *arguments, fsdp_plugin=fsdp_plugin, **named)
    if fresh and fsdp_plugin is not None:
        self.distributed_type = DistributedType.FSDP
        if self._mixed_precision != "no":
            fsdp_plugin.set_mixed_precision(self._mixed_precision)
        self.fsdp_plugin = fsdp_plugin
        state.PartialState._shared_state["distributed_type"] = self.distributed_type


state.AcceleratorState.__init__ = with_fsdp

if_asked()
runpy.run_path(str(Path(__file__).with_name("train_cell.py")), run_name="__main__")
