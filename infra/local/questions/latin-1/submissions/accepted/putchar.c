#include <stdio.h>

int main(void) {
    int n, code;
    if (scanf("%d", &n) != 1) return 1;
    while (n-- && scanf("%d", &code) == 1) putchar(code);
    putchar('\n');
    return 0;
}
