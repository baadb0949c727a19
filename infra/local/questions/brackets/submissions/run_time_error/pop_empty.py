stack = []
for char in input():
    if char in "([{":
        stack.append(char)
    else:
        stack.pop()
print("no" if stack else "yes")
raise SystemExit(3)
