#!/bin/sh
# Print a supported Python with venv and ensurepip, or say in one sentence what is missing and what
# would bring it: find_python.sh LOCK. PYTHON=/path/to/python names one; FETCH_PYTHON=1 lets uv
# download one; otherwise the usual names are tried.
lock=${1:-cpu}
fetched=3.11
found=
for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python}; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    found="$found $candidate=$version"
    # A study has tested locks for three Pythons; the small environment has wheels for every newer one.
    case "$lock $version" in
    *" 3.1"[1-3] | "analysis 3.1"[4-9]) ;;
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
    uv python install "$fetched" >&2 && uv python find "$fetched" && exit 0
    echo "error: uv could not fetch CPython $fetched (see above); name one: make PYTHON=/path/to/python$fetched ..." >&2
    exit 1
fi
# Which distributions have one as a package.
have=
[ -r /etc/os-release ] && have=$(. /etc/os-release && echo "$ID $VERSION_ID")
case "$have" in
"debian 12" | "ubuntu 22.04") way="apt install python3.11 python3.11-venv" ;;
"debian 13" | "ubuntu 24.04") way="apt install python3 python3-venv" ;;
fedora*) way="dnf install python3.11" ;;
*) way="this system has no such package: let uv fetch one with make FETCH_PYTHON=1 ..." ;;
esac
echo "error: CPython 3.11, 3.12 or 3.13 is needed and was not found (found:${found:- none}); $way," \
    "or name one: make PYTHON=/path/to/python$fetched ..." >&2
exit 1
