number = int(input())
while True:
    print(number)
    number -= 1
