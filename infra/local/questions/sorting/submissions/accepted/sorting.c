#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

int main(void) {
    static int numbers[30000];
    int n;
    if (scanf("%d", &n) != 1) return 1;
    for (int i = 0; i < n; i++)
        if (scanf("%d", &numbers[i]) != 1) return 1;
    qsort(numbers, n, sizeof *numbers, compare);
    for (int i = 0; i < n; i++) printf("%d%c", numbers[i], i + 1 < n ? ' ' : '\n');
    return 0;
}
