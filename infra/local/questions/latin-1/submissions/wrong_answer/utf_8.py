import sys

input()
sys.stdout.buffer.write("".join(map(chr, map(int, input().split()))).encode() + b"\n")
