import sys

print(*sys.stdin.read().split(), sep="\n")
