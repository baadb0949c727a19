line = [char.lower() for char in input() if char.isalnum()]
print("yes" if line == line[::-1] else "no")
