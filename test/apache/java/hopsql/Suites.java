package hopsql;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.HashSet;
import java.util.Set;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/**
 * Runs suites of Apache Hadoop against the file system of the configuration. The arguments are the folder with the
 * suites' resources, the program to run the command-line cases with ("" for Apache's own), and the classes of the suites.
 */
public final class Suites {
  private Suites() {}

  public static void main(String[] args) throws Exception {
    Conversation.begin();
    System.setProperty("test.cache.data", args[0]);
    System.setProperty("hopsql.datanodes", args[2]);
    for (int i = 3; i < args.length; i++) {
      Class<?> suite = Class.forName(args[i]);
      if (Cases.are(suite)) {
        Cases.run(suite, args[1]);
      } else {
        JUnitCore junit = new JUnitCore();
        junit.addListener(new Teller(suite.getSimpleName()));
        junit.run(suite);
      }
    }
    System.exit(0); // whatever threads the suites have left
  }

  /** Tells each test's end. */
  private static final class Teller extends RunListener {
    private final String suite;
    private final Set<String> told = new HashSet<>();

    Teller(String suite) {
      this.suite = suite;
    }

    @Override
    public void testFailure(Failure failure) {
      StringWriter trace = new StringWriter();
      failure.getException().printStackTrace(new PrintWriter(trace));
      tell(failure.getDescription(), "fail", trace.toString());
    }

    @Override
    public void testAssumptionFailure(Failure failure) {
      tell(failure.getDescription(), "skip", String.valueOf(failure.getMessage()));
    }

    @Override
    public void testIgnored(Description test) {
      tell(test, "skip", "ignored");
    }

    @Override
    public void testFinished(Description test) {
      tell(test, "pass", "");
    }

    private void tell(Description test, String outcome, String detail) {
      // What happens before the first test or after the last one has no method.
      String name = test.getMethodName() == null ? "class" : test.getMethodName();
      if (told.add(name)) {
        Conversation.result(suite, name, outcome, detail);
      }
    }
  }
}
