from collections import Counter

n = int(input())
order = [number for number, count in Counter(input().split()).most_common() for _ in range(count)]
shuffled = [""] * n
shuffled[0::2] = order[: (n + 1) // 2]
shuffled[1::2] = order[(n + 1) // 2 :]
print(*shuffled)
