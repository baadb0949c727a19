#include <stdio.h>

int main(void) {
    int n;
    if (scanf("%d", &n) != 1) return 1;
    for (int i = 1; i <= n; i++) {
        if (i % 3 == 0) fputs("Fizz", stdout);
        if (i % 5 == 0) fputs("Buzz", stdout);
        if (i % 3 && i % 5) printf("%d", i);
        putchar('\n');
    }
    return 0;
}
