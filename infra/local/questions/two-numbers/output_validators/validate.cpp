// Called as: validate INPUT ANSWER FEEDBACK_FOLDER LARGEST < OUTPUT; 42 is right, 43 is wrong.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

int wrong(const std::string &feedback, const std::string &why) {
    std::ofstream(feedback + "/judgemessage.txt") << why << std::endl;
    return 43;
}

int main(int count, char **arguments) {
    if (count != 5) return 1;
    std::ifstream input(arguments[1]), answer(arguments[2]);
    std::string feedback = arguments[3], expected, first, second, third;
    const long long largest = std::atoll(arguments[4]);
    long long sum, product;
    if (!(input >> sum >> product) || !(answer >> expected)) return 1;
    if (!(std::cin >> first)) return wrong(feedback, "no output");
    if (first == "none") {
        if (expected != "none") return wrong(feedback, "there are two");
    } else {
        char *end_of_first, *end_of_second;
        if (!(std::cin >> second)) return wrong(feedback, "one number only");
        const long long one = std::strtoll(first.c_str(), &end_of_first, 10);
        const long long other = std::strtoll(second.c_str(), &end_of_second, 10);
        if (*end_of_first || *end_of_second) return wrong(feedback, "no numbers");
        if (std::llabs(one) > largest || std::llabs(other) > largest) return wrong(feedback, "too large");
        if (one + other != sum || one * other != product) return wrong(feedback, "other numbers");
    }
    return std::cin >> third ? wrong(feedback, "too much output") : 42;
}
