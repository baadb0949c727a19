import sys

for word in sys.stdin.read().split():
    if len(word) > 10:
        print(word)
