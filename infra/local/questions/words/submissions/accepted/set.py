import sys

print(*set(sys.stdin.read().split()), sep="\n")
