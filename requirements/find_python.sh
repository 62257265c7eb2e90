#!/bin/sh
# Print a supported Python with venv and ensurepip, or say in one sentence what is missing and what
# would bring it: find_python.sh LOCK. PYTHON=/path/to/python names one; FETCH_PYTHON=1 lets uv
# download one; otherwise the usual names are tried.
lock=${1:-cpu}
supported=3.11
found=
for candidate in ${PYTHON:-python3.11 python3 python}; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    found="$found $candidate=$version"
    # The small environment of LOCK=analysis has wheels for every newer Python.
    case "$lock $version" in
    *" $supported" | "analysis 3.1"[2-9]) ;;
    *) continue ;;
    esac
    if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "$candidate"
        exit 0
    fi
    echo "error: $candidate has no venv module; install it (Debian, Ubuntu: apt install python$version-venv)" >&2
    exit 1
done

uv=$(cd "$(dirname "$0")/.." && pwd)/.uv
if [ "${FETCH_PYTHON:-}" = 1 ]; then
    if ! command -v uv >/dev/null && ! [ -x "$uv/bin/uv" ]; then
        python3 -m venv "$uv" >&2 || exit 1
        # The lock's own, by its hashes.
        awk '/^uv==/ {on = 1} on && !/^uv==/ && !/--hash=/ {exit} on' "$(dirname "$0")/cpu.txt" |
            sed '$s/ *\\$//' >"$uv/uv.txt"
        "$uv/bin/pip" install --quiet --no-deps --only-binary=:all: --require-hashes \
            -r "$uv/uv.txt" >&2 || exit 1
    fi
    PATH="$PATH:$uv/bin"
    uv python install "$supported" >&2 && uv python find "$supported" && exit 0
    echo "error: uv could not fetch CPython $supported (see above); name one: make PYTHON=/path/to/python$supported ..." >&2
    exit 1
fi
# Which distributions have it as a package; Debian 13 and Ubuntu from 24.04 on have newer ones only.
have=
[ -r /etc/os-release ] && have=$(. /etc/os-release && echo "$ID $VERSION_ID")
case "$have" in
"debian 12" | "ubuntu 22.04") way="apt install python$supported python$supported-venv" ;;
fedora*) way="dnf install python$supported" ;;
*) way="this system has no such package: let uv fetch one with make FETCH_PYTHON=1 ..." ;;
esac
echo "error: CPython $supported is needed and was not found (found:${found:- none}); $way," \
    "or name one: make PYTHON=/path/to/python$supported ..." >&2
exit 1
