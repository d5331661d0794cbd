package hopsql;

import java.lang.reflect.Field;
import java.util.List;
import org.apache.hadoop.cli.CLITestHelper;
import org.apache.hadoop.cli.util.CLICommand;
import org.apache.hadoop.cli.util.CLITestData;
import org.apache.hadoop.cli.util.ComparatorData;

/** Runs a suite of command-line cases and tells the end of each case, where the suite itself knows only one end. */
final class Cases {
  private Cases() {}

  static boolean are(Class<?> suite) {
    return CLITestHelper.class.isAssignableFrom(suite);
  }

  /** Runs the suite's cases by the program, "" for Apache's FsShell and DFSAdmin. */
  static void run(Class<?> suite, String program) throws Exception {
    Program.path = program;
    CLITestHelper cases = (CLITestHelper) suite.getDeclaredConstructor().newInstance();
    cases.setUp();
    try {
      cases.testAll();
    } catch (AssertionError e) {
      // Each case says for itself how it went.
    }
    Field field = CLITestHelper.class.getDeclaredField("testsFromConfigFile");
    field.setAccessible(true);
    int number = 0;
    for (Object each : (List<?>) field.get(cases)) {
      CLITestData test = (CLITestData) each;
      String name = String.format("%03d", ++number);
      Conversation.result(name(suite), name, test.getTestResult() ? "pass" : "fail", test.getTestResult() ? "" : detail(test));
    }
    try {
      cases.tearDown();
    } catch (AssertionError e) {
      // As above.
    }
  }

  /** The suite's name, also when it is run by another program. */
  private static String name(Class<?> suite) {
    return suite.getName().startsWith("hopsql.") ? suite.getSuperclass().getSimpleName() : suite.getSimpleName();
  }

  private static String detail(CLITestData test) {
    StringBuilder detail = new StringBuilder(test.getTestDesc().trim()).append('\n');
    for (CLICommand command : test.getTestCommands()) {
      detail.append("$ ").append(command.getCmd()).append('\n');
    }
    for (ComparatorData comparison : test.getComparatorData()) {
      if (!comparison.getTestResult()) {
        detail.append(comparison.getComparatorType()).append(" wants: ").append(comparison.getExpectedOutput().trim());
        detail.append("\ngot (exit ").append(comparison.getExitCode()).append("): ").append(comparison.getActualOutput()).append('\n');
      }
    }
    return detail.toString();
  }
}
