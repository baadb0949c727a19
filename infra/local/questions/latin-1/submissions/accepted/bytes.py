import sys

input()
sys.stdout.buffer.write(bytes(map(int, input().split())) + b"\n")
