# @EXPECTED_SCORE@: 30
n, k = map(int, input().split())
numbers = list(map(int, input().split()))
print(sum(numbers[i] + numbers[j] == k for i in range(n) for j in range(i + 1, n)))
