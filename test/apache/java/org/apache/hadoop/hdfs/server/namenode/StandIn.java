package org.apache.hadoop.hdfs.server.namenode;

import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.anyString;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.AclEntry;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.hdfs.server.namenode.FSDirectory.DirOp;

/**
 * The insides of a NameNode that Apache's suites look into, answered by what a superuser gets to see of the NameNode
 * from outside.
 */
public final class StandIn {
  private StandIn() {}

  /** Takes a new value of dfs.namenode.posix.acl.inheritance.enabled. */
  public interface Inheritance {
    void enable(boolean yes) throws IOException;
  }

  public static NameNode nameNode(FSNamesystem namesystem) {
    NameNode nameNode = mock(NameNode.class);
    when(nameNode.getNamesystem()).thenReturn(namesystem);
    return nameNode;
  }

  public static FSNamesystem namesystem(DistributedFileSystem fs, Inheritance inheritance) throws IOException {
    FSDirectory directory = mock(FSDirectory.class);
    when(directory.getINode(anyString(), any(DirOp.class))).thenAnswer(call -> inode(fs, new Path((String) call.getArgument(0))));
    when(directory.isPosixAclInheritanceEnabled()).thenReturn(true);
    doAnswer(call -> {
      inheritance.enable(call.getArgument(0));
      return null;
    }).when(directory).setPosixAclInheritanceEnabled(anyBoolean());
    FSNamesystem namesystem = mock(FSNamesystem.class);
    when(namesystem.getFSDirectory()).thenReturn(directory);
    return namesystem;
  }

  private static INode inode(DistributedFileSystem fs, Path path) throws IOException {
    INode inode = mock(INode.class);
    List<AclEntry> entries = fs.getAclStatus(path).getEntries();
    when(inode.getAclFeature(anyInt())).thenReturn(entries.isEmpty() ? null : new AclFeature(AclEntryStatusFormat.toInt(entries)));
    when(inode.getFsPermission(anyInt())).thenReturn(fs.getFileStatus(path).getPermission());
    return inode;
  }
}
