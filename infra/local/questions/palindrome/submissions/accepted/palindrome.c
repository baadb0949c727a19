#include <ctype.h>
#include <stdio.h>

int main(void) {
    static char kept[10001];
    int n = 0, same = 1;
    for (int c; (c = getchar()) != EOF && c != '\n';)
        if (isalnum(c)) kept[n++] = (char)tolower(c);
    for (int i = 0; i < n / 2; i++) same &= kept[i] == kept[n - 1 - i];
    puts(same ? "yes" : "no");
    return 0;
}
