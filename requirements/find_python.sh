#!/bin/sh
# Print a supported Python (CPython 3.11 with venv and ensurepip), or say in one sentence what is
# missing. PYTHON=/path/to/python names one; otherwise the usual names are tried.
supported=3.11
found=
for candidate in ${PYTHON:-python3.11 python3 python}; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    found="$found $candidate=$version"
    [ "$version" = "$supported" ] || continue
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
    echo "error: $candidate has no venv module; install it (Debian, Ubuntu: apt install python$supported-venv)" >&2
    exit 1
done
echo "error: CPython $supported is needed and was not found (found:${found:- none}); install it" \
    "(apt install python$supported python$supported-venv, or pyenv install $supported)," \
    "or name it: make PYTHON=/path/to/python$supported ..." >&2
exit 1
