#include <stdio.h>

int main(void) {
    long long n;
    if (scanf("%lld", &n) != 1) return 1;
    unsigned long long a = 0, b = 1;
    for (long long i = 0; i < (n < 93 ? n : 93); i++) { unsigned long long c = a + b; a = b; b = c; }
    printf("%llu\n", a);
    return 0;
}
