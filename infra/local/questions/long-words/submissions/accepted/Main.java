import java.util.Scanner;

public class Main {
    public static void main(String[] arguments) {
        Scanner input = new Scanner(System.in);
        while (input.hasNext()) {
            String word = input.next();
            if (word.length() > 10) {
                System.out.println(word);
            }
        }
    }
}
