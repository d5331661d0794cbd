import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import org.apache.hadoop.fs.FsShell;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.tools.DFSAdmin;
import org.apache.hadoop.hdfs.tools.GetGroups;
import org.apache.hadoop.hdfs.tools.StoragePolicyAdmin;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.util.Tool;
import org.apache.hadoop.util.ToolRunner;

/**
 * Runs many Hadoop commands in one JVM, which costs a second to start.
 *
 * Each line on standard input is one command, its words URL-encoded and parted by spaces: a file for the command's
 * standard output, a file for its standard error, the tool ("dfs", "dfsadmin", "groups" …), the arguments. "REAL>USER:" before
 * the tool is a user who is impersonated, and by whom. When the command has ended, one line "exit N" goes to standard
 * output.
 */
public class ShellRunner {
  public static void main(String[] unused) throws Exception {
    PrintStream answers = System.out;
    PrintStream errors = System.err;
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = commands.readLine()) != null;) {
      String[] words = line.split(" ", -1);
      for (int i = 0; i < words.length; i++) {
        words[i] = URLDecoder.decode(words[i], StandardCharsets.UTF_8);
      }
      String[] args = java.util.Arrays.copyOfRange(words, 3, words.length);
      int exit;
      try (PrintStream out = open(words[0]); PrintStream err = open(words[1])) {
        System.setOut(out);
        System.setErr(err);
        exit = runAs(words[2], args, err);
      } finally {
        System.setOut(answers);
        System.setErr(errors);
      }
      answers.println("exit " + exit);
      answers.flush();
    }
  }

  private static PrintStream open(String path) throws Exception {
    return new PrintStream(new java.io.BufferedOutputStream(new FileOutputStream(path), 1 << 16), false, "UTF-8");
  }

  private static int runAs(String tool, String[] args, PrintStream err) throws Exception {
    int end = tool.indexOf(':');
    if (end < 0) {
      return run(tool, args, err);
    }
    String[] users = tool.substring(0, end).split(">");
    UserGroupInformation real = UserGroupInformation.createRemoteUser(users[0]);
    return UserGroupInformation.createProxyUser(users[1], real)
        .doAs((PrivilegedExceptionAction<Integer>) () -> run(tool.substring(end + 1), args, err));
  }

  private static int run(String tool, String[] args, PrintStream err) {
    HdfsConfiguration conf = new HdfsConfiguration();
    try {
      if (tool.equals("dfsadmin")) {
        return ToolRunner.run(new DFSAdmin(conf), args);
      }
      if (tool.equals("storagepolicies")) {
        return ToolRunner.run(new StoragePolicyAdmin(conf), args);
      }
      if (tool.equals("groups")) {
        return ToolRunner.run(new GetGroups(conf, System.out), args);
      }
      FsShell shell = new FsShell(conf);
      try {
        return ToolRunner.run((Tool) shell, args);
      } finally {
        shell.close();
      }
    } catch (Exception e) {
      e.printStackTrace(err);
      return -1;
    }
  }
}
