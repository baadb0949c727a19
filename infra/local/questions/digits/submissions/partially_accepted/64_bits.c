/* @EXPECTED_SCORE@: 26 */
#include <stdio.h>

int main(void) {
    unsigned long long number;
    int sum = 0;
    if (scanf("%llu", &number) != 1) return 1;
    for (; number > 0; number /= 10) sum += number % 10;
    printf("%d\n", sum);
    return 0;
}
