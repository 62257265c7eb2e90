"""Stand-ins for the entry points: real manifests, made-up content, each training noted."""

import argparse
import hashlib
import json
import os
import time
from pathlib import Path

from rlscale.core.files import file_sha256, write_json
from rlscale.core.manifests import Provenance, write_manifest


def note(line):
    """Append to the test's log, which lies outside the study."""
    with open(os.environ["STUB_LOG"], "a") as log:
        log.write(f"{line}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--name", default="toy")
    parser.add_argument("--inputs", type=Path, nargs="+")
    parser.add_argument("--outputs", type=Path, nargs="+")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    started = time.time()
    content = hashlib.sha256(
        json.dumps([arguments.settings, [file_sha256(path) for path in arguments.inputs]]).encode()
    ).hexdigest()
    if arguments.kind == "fit":
        write_json(arguments.outputs[0], {"k": int(content[:4], 16) / 65536})
        return
    if arguments.kind == "train":
        train(arguments.name, arguments.settings)
    files = list(arguments.outputs[1:])
    if arguments.folder:
        (arguments.folder / "step1").mkdir(parents=True, exist_ok=True)
        files.append(arguments.folder / "step1" / "model.safetensors")
    for path in files:
        path.unlink(missing_ok=True)
        path.write_text(f"{path}\n{content}\n")
    write_manifest(
        arguments.outputs[0],
        Provenance(
            "rlscale.core.errors",
            arguments.settings,
            {path.parent.name + path.name: path for path in arguments.inputs},
            started=started,
        ),
        kind=arguments.kind,
        name=arguments.name,
        files=files,
    )


def train(name, settings):
    """Ten steps, kept in .state so that a killed training goes on where it was."""
    state = Path(".state") / name / "step"
    state.parent.mkdir(parents=True, exist_ok=True)
    first = int(state.read_text()) if state.exists() else 0
    note(f"{'resume' if first else 'train'} {name}")
    for step in range(first, 10):
        time.sleep(settings.get("sleep", 0))
        if settings.get("fail"):
            raise SystemExit("this cell fails")
        state.write_text(str(step + 1))
    state.unlink()


if __name__ == "__main__":
    main()
