#!/bin/sh
# Installs Sluicegate and its locked dependencies into a virtual environment, from a checkout.
# Usage: sh deploy/container/install.sh /opt/sluicegate
#
# Every package is checked against its hash and none is compiled. Where packages come from is pip's own
# configuration: this file and the lock files name no index.
set -eu
target=$1
python=${PYTHON:-python3}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1

"$python" -m venv "$target"
"$target/bin/python" -m pip install --require-hashes --only-binary :all: -r "$root/deploy/lock/runtime.lock"

"$python" -m venv "$work/build"
"$work/build/bin/python" -m pip install --require-hashes --only-binary :all: -r "$root/deploy/container/build.lock"
"$work/build/bin/python" -m pip wheel --no-deps --no-index --no-build-isolation --wheel-dir "$work/wheel" "$root"
"$target/bin/python" -m pip install --no-deps --no-index "$work"/wheel/sluicegate-*.whl

# A running gate installs nothing.
"$target/bin/python" -m pip uninstall --yes pip setuptools
