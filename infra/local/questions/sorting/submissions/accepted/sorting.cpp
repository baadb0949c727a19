#include <algorithm>
#include <iostream>
#include <vector>

int main() {
    std::ios::sync_with_stdio(false);
    int n;
    std::cin >> n;
    std::vector<int> numbers(n);
    for (int &number : numbers) std::cin >> number;
    std::sort(numbers.begin(), numbers.end());
    for (int i = 0; i < n; i++) std::cout << numbers[i] << (i + 1 < n ? ' ' : '\n');
}
