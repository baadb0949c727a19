line = input()
pairs = ("()", "[]", "{}")
print("yes" if all(line.count(a) == line.count(b) for a, b in pairs) else "no")
