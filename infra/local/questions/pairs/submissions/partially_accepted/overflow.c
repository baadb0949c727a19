/* @EXPECTED_SCORE@: 30 */
#include <stdio.h>

static int numbers[20000];

int main(void) {
    int n, k;
    short pairs = 0; /* too small for the large ones */
    if (scanf("%d %d", &n, &k) != 2) return 1;
    for (int i = 0; i < n; i++) {
        if (scanf("%d", &numbers[i]) != 1) return 1;
        for (int j = 0; j < i; j++) pairs += numbers[i] + numbers[j] == k;
    }
    printf("%d\n", pairs);
    return 0;
}
