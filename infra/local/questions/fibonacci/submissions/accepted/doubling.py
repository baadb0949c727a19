M = 10**9 + 7
a, b = 0, 1
for bit in bin(int(input()))[2:]:
    a, b = a * (2 * b - a) % M, (a * a + b * b) % M
    if bit == "1":
        a, b = b, (a + b) % M
print(a % M)
