#include <iostream>
#include <numeric>
#include <vector>

int main() {
    long long n;
    std::cin >> n;
    std::vector<long long> numbers(n + 1);
    std::iota(numbers.begin(), numbers.end(), 0LL);
    std::cout << std::accumulate(numbers.begin(), numbers.end(), 0LL) << std::endl;
}
