#include <stdio.h>

int main(void) {
    unsigned n;
    if (scanf("%u", &n) != 1) return 1;
    for (; n >= 0; n--) printf("%u\n", n); /* an unsigned number never gets below 0 */
}
