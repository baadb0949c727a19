import java.util.Scanner;

public class Main {
    public static void main(String[] args) {
        final long m = 1_000_000_007L;
        long n = new Scanner(System.in).nextLong(), a = 0, b = 1;
        for (int bit = 62; bit >= 0; bit--) {
            long c = a * ((2 * b - a + m) % m) % m, d = (a * a + b * b) % m;
            a = c;
            b = d;
            if ((n >> bit & 1) == 1) {
                long sum = (a + b) % m;
                a = b;
                b = sum;
            }
        }
        System.out.println(a);
    }
}
