#!/usr/bin/python3
"""hash_chain.py STEPS SECONDS_A_STEP STATUS: every line depends on all before it; one copy on stdout, one in result.txt."""
import hashlib
import sys
import time

state = b"start"
with open("result.txt", "w") as result:
    for step in range(int(sys.argv[1])):
        state = hashlib.sha256(state).digest()
        line = f"{step} {state.hex()}"
        print(line, flush=True)
        print(line[::-1], file=result, flush=True)
        time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))
