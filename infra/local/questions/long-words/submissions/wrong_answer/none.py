import sys

long = [word for word in sys.stdin.read().split() if len(word) > 10]
print(*long or ["none"], sep="\n")
