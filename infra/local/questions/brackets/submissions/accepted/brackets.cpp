#include <iostream>
#include <string>

int main() {
    std::string line, open;
    std::getline(std::cin, line);
    bool balanced = true;
    for (char c : line) {
        auto kind = std::string("([{)]}").find(c);
        if (kind < 3) open += c;
        else if (open.empty() || open.back() != "([{"[kind - 3]) { balanced = false; break; }
        else open.pop_back();
    }
    std::cout << (balanced && open.empty() ? "yes" : "no") << "\n";
}
