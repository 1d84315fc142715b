#!/usr/bin/python3
import datetime
import sys
import time

for number in range(int(sys.argv[1])):
    with open("dates.txt", "a") as file:
        file.write(f"{number} {datetime.datetime.now().isoformat()}\n")
    time.sleep(float(sys.argv[2]))
