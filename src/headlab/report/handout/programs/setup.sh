#!/usr/bin/env bash
# Made by headlab: installs it where submissions are graded, once, into an environment of its own.
# HEADLAB_AUTOGRADER is the folder with source/, submission/ and results/; Gradescope's is /autograder.
set -euo pipefail
root="${HEADLAB_AUTOGRADER:-/autograder}"
usable='import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'
python=""
for name in python3 python3.14 python3.13 python3.12 python3.11; do
  if command -v "$name" >/dev/null && "$name" -c "$usable" 2>/dev/null; then
    python="$name"
    break
  fi
done
if [ -z "$python" ]; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y python3.11 python3.11-venv
  python=python3.11
fi
"$python" -m venv "$root/headlab"
"$root/headlab/bin/python" -m pip install --quiet --disable-pip-version-check "$root"/source/headlab-*.whl
"$root/headlab/bin/headlab" --version
