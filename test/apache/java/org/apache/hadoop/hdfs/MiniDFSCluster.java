package org.apache.hadoop.hdfs;

import hopsql.Conversation;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.protocol.ClientProtocol;
import org.apache.hadoop.hdfs.protocol.HdfsConstants;
import org.apache.hadoop.hdfs.server.namenode.FSNamesystem;
import org.apache.hadoop.hdfs.server.namenode.NameNode;
import org.apache.hadoop.hdfs.server.namenode.StandIn;
import org.apache.hadoop.hdfs.server.protocol.NamenodeProtocols;

/**
 * Stands in the place of the class of this name that Apache's suites start a cluster with, and leads them to the
 * NameNode of fs.defaultFS instead, which is another process.
 *
 * What a suite wants of the NameNode's configuration is asked of the program that started this one (Conversation),
 * which starts the NameNode again with it. A formatted cluster is the same file system, emptied. There is only what the
 * suites use that are run here.
 */
public class MiniDFSCluster {
  /** How many DataNodes the file system has. */
  private static final int DATANODES = Integer.getInteger("hopsql.datanodes", 1);

  private final Configuration conf;

  private MiniDFSCluster(Configuration conf) {
    this.conf = conf;
  }

  /** Takes what the suites say of the cluster they want. */
  public static class Builder {
    private final Configuration conf;
    private int dataNodes = 1;
    private boolean format = true;

    public Builder(Configuration conf) {
      this.conf = conf;
    }

    public Builder(Configuration conf, File unused) {
      this(conf);
    }

    public Builder numDataNodes(int n) {
      dataNodes = n;
      return this;
    }

    public Builder racks(String[] unused) {
      return this;
    }

    public Builder hosts(String[] unused) {
      return this;
    }

    public Builder format(boolean yes) {
      format = yes;
      return this;
    }

    public MiniDFSCluster build() throws IOException {
      // They are kept by address and user, with the configuration of whoever came first.
      FileSystem.closeAll();
      conf.set("fs.defaultFS", new Configuration().get("fs.defaultFS"));
      conf.setInt("dfs.replication", Math.min(conf.getInt("dfs.replication", 3), Math.min(dataNodes, DATANODES)));
      MiniDFSCluster cluster = new MiniDFSCluster(conf);
      cluster.configure();
      if (format) {
        cluster.empty();
      }
      return cluster;
    }
  }

  /** Has the NameNode run with the keys for it that the suite set in the program. */
  private void configure() throws IOException {
    Map<String, String> keys = new TreeMap<>();
    for (Map.Entry<String, String> key : conf) {
      String[] sources = conf.getPropertySources(key.getKey());
      boolean set = sources != null && sources.length > 0 && sources[sources.length - 1].equals("programmatically");
      boolean ofNameNode = key.getKey().startsWith("dfs.namenode.") || key.getKey().startsWith("dfs.permissions.")
          || key.getKey().equals("hadoop.security.authorization");
      if (set && ofNameNode) {
        keys.put(key.getKey(), key.getValue());
      }
    }
    Conversation.configure(keys);
    waitActive();
  }

  /** Removes everything, as formatting would. */
  private void empty() throws IOException {
    Path root = new Path("/");
    try (FileSystem fs = FileSystem.newInstance(conf)) {
      ((DistributedFileSystem) fs).setSafeMode(org.apache.hadoop.fs.SafeModeAction.LEAVE);
      fs.setPermission(root, new FsPermission((short) 0755));
      for (FileStatus child : fs.listStatus(root)) {
        fs.delete(child.getPath(), true);
      }
      if (fs.getFileStatus(root).hasAcl()) {
        fs.removeAcl(root);
      }
      fs.setPermission(root, new FsPermission((short) 0755));
      fs.setOwner(root, System.getProperty("user.name"), "supergroup");
      if (fs.getContentSummary(root).getSpaceQuota() != -1) {
        ((DistributedFileSystem) fs).setQuota(root, HdfsConstants.QUOTA_DONT_SET, HdfsConstants.QUOTA_RESET);
      }
    }
  }

  public DistributedFileSystem getFileSystem() throws IOException {
    return (DistributedFileSystem) FileSystem.get(getURI(0), conf);
  }

  public Configuration getConfiguration(int unused) {
    return conf;
  }

  public URI getURI(int unused) {
    return FileSystem.getDefaultUri(conf);
  }

  /** What of the protocols is for clients. */
  public NamenodeProtocols getNameNodeRpc() throws IOException {
    ClientProtocol server = getFileSystem().getClient().getNamenode();
    Class<?>[] all = {NamenodeProtocols.class};
    return (NamenodeProtocols) Proxy.newProxyInstance(all[0].getClassLoader(), all, (proxy, method, args) -> {
      try {
        return method.invoke(server, args);
      } catch (InvocationTargetException e) {
        throw e.getCause();
      }
    });
  }

  public NameNode getNameNode() throws IOException {
    return StandIn.nameNode(getNamesystem());
  }

  public FSNamesystem getNamesystem() throws IOException {
    return StandIn.namesystem(getFileSystem(), yes -> {
      conf.setBoolean("dfs.namenode.posix.acl.inheritance.enabled", yes);
      configure();
    });
  }

  public void restartNameNode(boolean unused) throws IOException {
    Conversation.restart();
    waitActive();
  }

  /** A connection that the NameNode's end has closed is noticed by a call that fails. */
  public void waitActive() throws IOException {
    for (int tries = 0;; tries++) {
      try {
        getFileSystem().getFileStatus(new Path("/"));
        return;
      } catch (IOException e) {
        if (tries == 3) {
          throw e;
        }
      }
    }
  }

  public void waitClusterUp() throws IOException {
    waitActive();
  }

  public void shutdown() {}
}
