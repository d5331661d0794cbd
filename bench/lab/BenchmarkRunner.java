import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.server.namenode.NNThroughputBenchmark;

/**
 * Runs Apache's NNThroughputBenchmark many times in one JVM, so that only the first runs are those of a cold one.
 *
 * Each line on standard input holds the arguments of a run, parted by spaces. When it has ended, one line "exit N" goes
 * to standard output; what the benchmark logs goes to standard error.
 */
public class BenchmarkRunner {
  public static void main(String[] unused) throws Exception {
    PrintStream answers = System.out;
    System.setOut(System.err);
    BufferedReader runs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = runs.readLine()) != null;) {
      int exit = 0;
      try {
        NNThroughputBenchmark.runBenchmark(new HdfsConfiguration(), line.split(" "));
      } catch (Exception e) {
        e.printStackTrace();
        exit = 1;
      }
      answers.println("exit " + exit);
      answers.flush();
    }
  }
}
