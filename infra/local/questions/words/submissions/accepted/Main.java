import java.util.LinkedHashSet;
import java.util.Scanner;
import java.util.Set;

public class Main {
    public static void main(String[] arguments) {
        Set<String> words = new LinkedHashSet<>();
        Scanner input = new Scanner(System.in);
        while (input.hasNext()) {
            words.add(input.next());
        }
        words.forEach(System.out::println);
    }
}
