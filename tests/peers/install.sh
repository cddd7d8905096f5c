#!/bin/sh
# Makes sure that these programs are there: from the distribution's packages, where we may install them.
set -eu

missing=""
for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
    echo "The tests need$missing. As root on Debian or Ubuntu: apt-get install --no-install-recommends nginx-light haproxy" >&2
    exit 1
fi
echo "Installing$missing …"
# Nothing is to be started by its package: the tests start their own, on ports of their own.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get install --quiet --quiet --yes --no-install-recommends nginx-light haproxy >/dev/null ||
    { apt-get update --quiet --quiet && apt-get install --quiet --quiet --yes --no-install-recommends nginx-light haproxy >/dev/null; }
