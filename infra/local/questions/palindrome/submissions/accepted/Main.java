import java.util.Scanner;

public class Main {
    public static void main(String[] args) {
        String line = new Scanner(System.in).nextLine().toLowerCase().replaceAll("[^a-z0-9]", "");
        System.out.println(new StringBuilder(line).reverse().toString().equals(line) ? "yes" : "no");
    }
}
