#include <algorithm>
#include <iostream>
#include <map>
#include <vector>

int main() {
    int n;
    std::cin >> n;
    std::map<int, int> counts;
    for (int number; std::cin >> number;) ++counts[number];
    std::vector<std::pair<int, int>> order;
    for (auto [number, count] : counts) order.push_back({count, number});
    std::sort(order.rbegin(), order.rend());
    std::vector<int> shuffled(n);
    int place = 0;
    for (auto [count, number] : order) {
        while (count--) {
            shuffled[place] = number;
            place += 2;
            if (place >= n && place % 2 == 0) place = 1;
        }
    }
    for (int i = n - 1; i >= 0; i--) std::cout << shuffled[i] << "\n";
}
