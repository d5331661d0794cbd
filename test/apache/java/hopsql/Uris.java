package hopsql;

import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileContextURIBase;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.junit.Before;

/** FileContext on names with and without a scheme. */
public class Uris extends FileContextURIBase {
  @Before
  @Override
  public void setUp() throws Exception {
    HdfsConfiguration conf = new HdfsConfiguration();
    MiniDFSCluster cluster = new MiniDFSCluster.Builder(conf).build();
    fc1 = FileContext.getFileContext(cluster.getURI(0), conf);
    fc2 = FileContext.getFileContext(cluster.getURI(0), conf);
    fc1.mkdir(new Path("/tmp"), null, true);
    super.setUp();
  }
}
