PAIRS = {")": "(", "]": "[", "}": "{"}
stack = []
balanced = True
for char in input():
    if char not in PAIRS:
        stack.append(char)
    elif not stack or stack.pop() != PAIRS[char]:
        balanced = False
print("yes" if balanced and not stack else "no")
