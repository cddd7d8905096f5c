#!/bin/sh
# Brings the pinned OPA binary to the path given: through Go where Go is present, else the official
# release, whose checksum must match. Usage: OPA_VERSION=1.22.2 sh deploy/opa/install.sh .tools/opa
set -eu
target=$1
version=${OPA_VERSION:?set OPA_VERSION}
mkdir -p "$(dirname "$target")"
if command -v go >/dev/null 2>&1; then
    echo "Building OPA $version with Go (a few minutes, once) …"
    folder=$(cd "$(dirname "$target")" && pwd)
    GOBIN="$folder" GOFLAGS=-modcacherw go install "github.com/open-policy-agent/opa@v$version"
    [ "$folder/opa" -ef "$target" ] || mv "$folder/opa" "$target"
    exit 0
fi
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) asset=opa_linux_amd64_static ;;
    Linux-aarch64) asset=opa_linux_arm64_static ;;
    Darwin-arm64) asset=opa_darwin_arm64_static ;;
    *) echo "No official static OPA build for this machine: install Go, then run this again." >&2; exit 1 ;;
esac
address="https://github.com/open-policy-agent/opa/releases/download/v$version/$asset"
echo "Downloading OPA $version …"
curl --fail --silent --show-error --location --output "$target.part" "$address"
curl --fail --silent --show-error --location --output "$target.sha256" "$address.sha256"
expected=$(cut -d' ' -f1 <"$target.sha256")
actual=$(sha256sum "$target.part" 2>/dev/null || shasum -a 256 "$target.part")
if [ "${actual%% *}" != "$expected" ]; then
    echo "The checksum of the OPA binary does not match its release." >&2
    rm -f "$target.part" "$target.sha256"
    exit 1
fi
chmod +x "$target.part"
mv "$target.part" "$target"
rm -f "$target.sha256"
