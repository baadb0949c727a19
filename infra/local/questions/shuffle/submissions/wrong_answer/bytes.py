import sys

sys.stdout.buffer.write(b"1 \xff 2\n")
