for i in range(1, int(input()) + 1):
    print("Fizz" if i % 3 == 0 else "Buzz" if i % 5 == 0 else i)
