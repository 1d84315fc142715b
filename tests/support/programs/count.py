#!/usr/bin/python3
import sys
import time

for number in range(int(sys.argv[1])):
    print(number, flush=True)
    time.sleep(float(sys.argv[2]))
