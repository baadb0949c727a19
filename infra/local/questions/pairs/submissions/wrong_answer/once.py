# @EXPECTED_SCORE@: 0
n, k = map(int, input().split())
numbers = set(map(int, input().split()))
print(sum(k - number in numbers for number in numbers) // 2)
