import math

print(f"{math.pi * float(input()) ** 2:.8e}")
