n = int(input())
numbers = list(map(int, input().split()))
for _ in range(n):
    for i in range(n - 1):
        if numbers[i] > numbers[i + 1]:
            numbers[i], numbers[i + 1] = numbers[i + 1], numbers[i]
print(*numbers)
