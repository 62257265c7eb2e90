"""Two workers share a model with biases: the proof of its weights, and of weights a bit off.

    python two_workers.py FOLDER OTHER

Says "proved" for the first folder, and what is said of the second.
"""

import sys

from rlscale.core.errors import StudyError
from rlscale.evaluation.engine import Engine, Machine

PROBES = [[5, 6, 7], [8, 9]]

if __name__ == "__main__":
    folder, other = sys.argv[1:]
    machine = Machine(max_num_seqs=8, kv_cache_gib=0.25, gpus=2)
    engine = Engine(folder, dtype="float32", max_model_len=32, cpu_threads=1, machine=machine)
    engine.prove(folder, PROBES)
    print("proved")
    try:
        engine.prove(other, PROBES)
    except StudyError as error:
        print(error)
