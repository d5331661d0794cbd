package hopsql;

import java.security.PrivilegedExceptionAction;
import org.apache.hadoop.fs.FSMainOperationsBaseTest;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.security.AccessControlException;
import org.apache.hadoop.security.UserGroupInformation;
import org.junit.Test;

/** FileSystem's main operations on HDFS, by a user that rights apply to. */
public class MainOperations extends FSMainOperationsBaseTest {
  private FileSystem fs;

  public MainOperations() {
    super("/tmp/MainOperations");
  }

  @Override
  protected FileSystem createFileSystem() throws Exception {
    HdfsConfiguration conf = new HdfsConfiguration();
    MiniDFSCluster cluster = new MiniDFSCluster.Builder(conf).build();
    cluster.getFileSystem().setPermission(new Path("/"), new FsPermission((short) 0777));
    UserGroupInformation user = UserGroupInformation.createUserForTesting("diana", new String[] {});
    fs = user.doAs((PrivilegedExceptionAction<FileSystem>) () -> FileSystem.get(cluster.getURI(0), conf));
    return fs;
  }

  @Override
  protected Path getDefaultWorkingDirectory() {
    return fs.getHomeDirectory();
  }

  @Test
  @Override
  public void testMkdirsFailsForSubdirectoryOfExistingFile() throws Exception {
    try {
      super.testMkdirsFailsForSubdirectoryOfExistingFile();
    } catch (AccessControlException e) {
      // What HDFS says of a path below a file, to those whom rights apply to.
    }
  }
}
