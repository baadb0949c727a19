import java.io.*;
import java.util.*;

public class Main {
    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        int[] numbers = new int[Integer.parseInt(in.readLine().trim())];
        StringTokenizer tokens = new StringTokenizer(in.readLine());
        for (int i = 0; i < numbers.length; i++) numbers[i] = Integer.parseInt(tokens.nextToken());
        Arrays.sort(numbers);
        StringJoiner out = new StringJoiner(" ");
        for (int number : numbers) out.add(String.valueOf(number));
        System.out.println(out);
    }
}
