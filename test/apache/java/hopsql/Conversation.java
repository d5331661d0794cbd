package hopsql;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.StringJoiner;

/**
 * Talks with the program that started this one: lines of URL-encoded words go to its standard output, and what asks for
 * something waits for a line on standard input.
 */
public final class Conversation {
  private static final PrintStream OUT = System.out;
  private static final BufferedReader IN = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

  private Conversation() {}

  /** Keeps standard output for the conversation: what the suites print goes to standard error. */
  static void begin() {
    System.setOut(System.err);
  }

  /** Has the NameNode run with these keys beside its own, and with no others. */
  public static void configure(Map<String, String> keys) throws IOException {
    StringJoiner words = new StringJoiner(" ");
    keys.forEach((name, value) -> words.add(encode(name + "=" + value)));
    ask("configure " + words);
  }

  /** Has the NameNode start again. */
  public static void restart() throws IOException {
    ask("restart");
  }

  /** Tells how one test ended: "pass", "fail" or "skip". */
  static void result(String suite, String name, String outcome, String detail) {
    say("result " + encode(suite) + " " + encode(name) + " " + outcome + " " + encode(detail));
  }

  private static synchronized void ask(String line) throws IOException {
    say(line);
    String answer = IN.readLine();
    if (!"done".equals(answer)) {
      throw new IOException("asked to " + line + ": " + answer);
    }
  }

  private static synchronized void say(String line) {
    OUT.println(line);
    OUT.flush();
  }

  private static String encode(String word) {
    return URLEncoder.encode(word, StandardCharsets.UTF_8);
  }
}
