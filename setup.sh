#!/usr/bin/env bash
# Creates .venv with the pinned requirements; does nothing when it is current. Used by every make target.
# `./setup.sh browser` sees to a Chromium instead, in which the tests open the report.
set -euo pipefail
cd "$(dirname "$0")"

if [ "${1:-}" = browser ]; then
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then exit 0; fi
    done
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing Chromium for the browser tests"
        if (apt-get update -qq && apt-get install -y -qq chromium) >/dev/null 2>&1; then exit 0; fi
    fi
    echo "setup: no Chromium; browser tests of the report will be skipped (sudo apt-get install chromium)"
    exit 0
fi

python="${PYTHON:-python3}"
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "setup: Python 3.11 or newer is needed, '$python' is not -> install python3.11, or set PYTHON=/path/to/python" >&2
    exit 1
fi

# What the environment was made from; a change of any of it makes it anew.
fingerprint="$("$python" --version) $(cat requirements.txt requirements-dev.txt pyproject.toml setup.sh | sha256sum | cut -d' ' -f1) $PWD"
if [ -f .venv/.fingerprint ] && [ "$(cat .venv/.fingerprint)" = "$fingerprint" ]; then
    exit 0
fi

if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv
    else
        echo "setup: this Python has no venv module -> sudo apt-get install python3-venv" >&2
        exit 1
    fi
fi

echo "setup: creating .venv (several GB on first use: torch with its GPU libraries)"
rm -f .venv/.fingerprint
"$python" -m venv --clear .venv
# The lock is complete, so nothing is resolved; pip's resolver refuses pins of packages that others want with extras.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    -r requirements.txt -r requirements-dev.txt
# No index is asked: the build backend is one of the pinned requirements.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
printf '%s' "$fingerprint" > .venv/.fingerprint
