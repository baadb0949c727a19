#include <cmath>
#include <iostream>

int main() {
    long long s, p;
    std::cin >> s >> p;
    const long long square = s * s - 4 * p;
    const long long root = square < 0 ? -1 : std::llround(std::sqrt((double)square));
    if (square < 0 || root * root != square) {
        std::cout << "none" << std::endl;
    } else {
        std::cout << (s - root) / 2 << "\n" << (s + root) / 2 << std::endl;
    }
}
