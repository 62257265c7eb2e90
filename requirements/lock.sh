#!/bin/sh
# Resolve requirements/*.in into full locks with hashes (see `make lock`). Needs uv and a registry.
#
# Torch's CPU wheel is found where pip finds it (find-links) or in PyTorch's own CPU index; no such
# place is written into a lock. Versions stay as they are unless --upgrade is given.
set -eu
cd "$(dirname "$0")"
uv=${UV:-../.venv/bin/uv}

compile() {
    name=$1
    shift
    "$uv" pip compile "$name.in" -o "$name.txt" --python-version "${python:-3.11}" --generate-hashes --quiet \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
    echo "requirements/$name.txt: $(grep -c '^[a-z]' "$name.txt") packages"
}

# Text models need none of the three, there is no CPU build of them on PyPI, and a CUDA build of
# torchvision breaks `import transformers` beside the CPU build of torch.
without_vision="--no-emit-package torchvision --no-emit-package torchaudio --no-emit-package torchcodec"
links=$(../.venv/bin/python install.py --find-links)

# shellcheck disable=SC2086
UV_FIND_LINKS=$links compile cpu $without_vision "$@"
# shellcheck disable=SC2086
UV_FIND_LINKS=$links compile dev --constraint cpu.txt $without_vision "$@"
# The same versions for newer Pythons, but torch and what it brings. vLLM asks for torch's CPU wheel by name.
newer() {
    grep '^[a-z].*==' "$1.txt" | sed 's/ .*//' | grep -v -e '^torch==' -e '^triton==' |
        python=3.12 compile "${1}312" --constraint - --override torch312.in $without_vision ${2:-}
}
# shellcheck disable=SC2086
newer cpu "$@"
# shellcheck disable=SC2086
newer dev "$@"
# For every system and every newer Python: Linux on x86-64 and ARM, macOS, Windows.
compile analysis --universal --constraint cpu.txt "$@"
compile gpu "$@"
compile real --no-deps "$@"
compile docs "$@"
