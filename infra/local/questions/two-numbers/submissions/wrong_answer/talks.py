from math import isqrt

s, p = map(int, input().split())
root = isqrt(max(0, s * s - 4 * p))
print((s + root) // 2, (s - root) // 2, "are the numbers")
