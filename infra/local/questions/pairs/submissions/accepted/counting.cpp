#include <iostream>
#include <unordered_map>

int main() {
    long long n, k, number, pairs = 0;
    std::cin >> n >> k;
    std::unordered_map<long long, long long> seen;
    while (n-- && std::cin >> number) {
        auto found = seen.find(k - number);
        if (found != seen.end()) pairs += found->second;
        ++seen[number];
    }
    std::cout << pairs << std::endl;
}
