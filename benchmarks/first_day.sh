#!/usr/bin/env bash
# The first day on a GPU: is what it computes right, how long does it take, and what was expected? In ten minutes.
#
#   bash benchmarks/first_day.sh [FOLDER]       results go to FOLDER (first_day); run again, it goes on where it stopped
#
# For a bare machine with an NVIDIA GPU, Python and, for the comparison with it, PyTorch. What neurosim needs is taken
# from wheels in .wheels/ beside the checkout's files, if that folder is there, else it must be installed. LIMIT is the
# time for all, in seconds; QUICK=1 measures next to nothing, to try this script out.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mkdir -p "${1:-first_day}" && cd "${1:-first_day}" && pwd) || exit 3
python=${PYTHON:-python3}
if ls "$root"/.wheels/*.whl >/dev/null 2>&1; then
  # Without numba-cuda, which is replaced by nothing in such a folder: it must be installed where Python looks for it.
  "$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$folder/site" "$root"/.wheels/*.whl || exit 3
  export PYTHONPATH="$folder/site${PYTHONPATH:+:$PYTHONPATH}"
fi
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
export NUMBA_ENABLE_CUDASIM=0 NEUROSIM_DISABLE_PLUGINS=1
# Kernels are compiled once, however often this is run.
export NEUROSIM_CACHE=${NEUROSIM_CACHE:-$folder/cache}
command -v nvidia-smi >/dev/null && nvidia-smi
exec "$python" "$root/benchmarks/first_day.py" --out "$folder" --limit "${LIMIT:-570}" ${QUICK:+--quick}
