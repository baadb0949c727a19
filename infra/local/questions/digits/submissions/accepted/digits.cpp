#include <iostream>

int main() {
    int sum = 0;
    for (char digit; std::cin >> digit;) sum += digit - '0';
    std::cout << sum << std::endl;
}
