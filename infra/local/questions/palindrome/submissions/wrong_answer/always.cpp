#include <iostream>

int main() { std::cout << "yes\n"; }
