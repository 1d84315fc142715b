#!/bin/bash
# pipeline.sh STEPS STATUS PAUSE: three processes and two pipes.
set -o pipefail
"$(dirname "$0")/beating.py" "$1" "$2" "$3" 1 | sed -u 's/^/line /' | tee result.txt
