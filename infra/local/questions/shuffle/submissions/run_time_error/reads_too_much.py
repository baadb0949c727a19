input(), input(), input()
