import java.io.*;
import java.util.ArrayDeque;

public class Main {
    public static void main(String[] args) throws IOException {
        String line = new BufferedReader(new InputStreamReader(System.in)).readLine();
        ArrayDeque<Character> open = new ArrayDeque<>();
        boolean balanced = true;
        for (char c : (line == null ? "" : line).toCharArray()) {
            int kind = "([{)]}".indexOf(c);
            if (kind < 3) open.push(c);
            else if (open.isEmpty() || open.pop() != "([{".charAt(kind - 3)) { balanced = false; break; }
        }
        System.out.println(balanced && open.isEmpty() ? "yes" : "no");
    }
}
