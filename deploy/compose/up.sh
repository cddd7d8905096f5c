#!/bin/sh
# Builds the image, makes a first key if there is none, and starts everything. The key is shown once, on stderr.
# Usage: MODEL_FILE=/models/SmolLM2.gguf sh deploy/compose/up.sh
set -eu
cd "$(dirname "$0")"
: "${MODEL_FILE:?set MODEL_FILE to the whole path of a GGUF file}"
docker compose build
if [ ! -e secrets/keys.yaml ]; then
    mkdir -p secrets
    { echo "keys:"; docker run --rm sluicegate:local keys new --subject first --groups finance; } >secrets/keys.new
    mv secrets/keys.new secrets/keys.yaml
fi
docker compose up --wait
echo "Callers reach the gate at http://127.0.0.1:8080/v1"
