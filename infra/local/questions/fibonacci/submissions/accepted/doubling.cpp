#include <iostream>

int main() {
    const long long M = 1000000007;
    long long n, a = 0, b = 1;
    std::cin >> n;
    for (int bit = 62; bit >= 0; bit--) {
        long long c = a * ((2 * b - a + M) % M) % M, d = (a * a + b * b) % M;
        a = c, b = d;
        if (n >> bit & 1) { long long sum = (a + b) % M; a = b, b = sum; }
    }
    std::cout << a << "\n";
}
