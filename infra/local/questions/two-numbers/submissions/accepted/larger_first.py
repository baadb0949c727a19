from math import isqrt

s, p = map(int, input().split())
root = s * s - 4 * p
if root < 0 or isqrt(root) ** 2 != root:
    print("none")
else:
    print((s + isqrt(root)) // 2, (s - isqrt(root)) // 2)
