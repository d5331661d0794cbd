package hopsql;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.cli.TestAclCLI;
import org.apache.hadoop.cli.TestAclCLIWithPosixAclInheritance;
import org.apache.hadoop.cli.TestDeleteCLI;
import org.apache.hadoop.cli.TestHDFSCLI;
import org.apache.hadoop.cli.TestXAttrCLI;
import org.apache.hadoop.cli.util.CLICommand;
import org.apache.hadoop.cli.util.CLICommandDFSAdmin;
import org.apache.hadoop.cli.util.CommandExecutor;
import org.apache.hadoop.conf.Configuration;

/** Runs the commands of the command-line cases by a program of another name, in a process for each. */
final class Program extends CommandExecutor {
  /** The program: PATH dfs ARGUMENTS or PATH dfsadmin ARGUMENTS is what is run. */
  static String path;

  private final String tool;
  private final Configuration conf;

  private Program(String tool, Configuration conf) {
    this.tool = tool;
    this.conf = conf;
  }

  private static Result run(CLICommand command, Configuration conf) throws Exception {
    String tool = command.getType() instanceof CLICommandDFSAdmin ? "dfsadmin" : "dfs";
    return new Program(tool, conf).executeCommand(command.getCmd());
  }

  @Override
  protected int execute(String command) throws Exception {
    List<String> line = new ArrayList<>(List.of(path, tool));
    line.addAll(List.of("-D", "dfs.replication=" + conf.get("dfs.replication")));
    line.addAll(Arrays.asList(getCommandAsArgs(command, "NAMENODE", conf.get("fs.defaultFS"))));
    Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
    process.getOutputStream().close();
    process.getInputStream().transferTo(System.out);
    return (byte) process.waitFor();
  }

  static final class Commands extends TestHDFSCLI {
    @Override
    protected Result execute(CLICommand command) throws Exception {
      return Program.run(command, conf);
    }
  }

  static final class XAttrs extends TestXAttrCLI {
    @Override
    protected Result execute(CLICommand command) throws Exception {
      return Program.run(command, conf);
    }
  }

  static final class Delete extends TestDeleteCLI {
    @Override
    protected Result execute(CLICommand command) throws Exception {
      return Program.run(command, conf);
    }
  }

  static final class Acls extends TestAclCLI {
    @Override
    protected Result execute(CLICommand command) throws Exception {
      return Program.run(command, conf);
    }
  }

  static final class InheritedAcls extends TestAclCLIWithPosixAclInheritance {
    @Override
    protected Result execute(CLICommand command) throws Exception {
      return Program.run(command, conf);
    }
  }
}
