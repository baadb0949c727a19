from collections import Counter

n, k = map(int, input().split())
seen = Counter()
pairs = 0
for number in map(int, input().split()):
    pairs += seen[k - number]
    seen[number] += 1
print(pairs)
