package apache

// cases are the suites of command-line cases.
var cases = []string{
	"org.apache.hadoop.cli.TestHDFSCLI",
	"org.apache.hadoop.cli.TestXAttrCLI",
	"org.apache.hadoop.cli.TestDeleteCLI",
	"org.apache.hadoop.cli.TestAclCLI",
	"org.apache.hadoop.cli.TestAclCLIWithPosixAclInheritance",
}

// ownCases are the same, by this project's hdfs.
var ownCases = []string{
	"hopsql.Program$Commands", "hopsql.Program$XAttrs", "hopsql.Program$Delete", "hopsql.Program$Acls", "hopsql.Program$InheritedAcls",
}

// contracts are the contract suites.
var contracts = []string{
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractAppend",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractBulkDelete",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractConcat",
	"hopsql.ContentSummaries",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractCreate",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractDelete",
	"hopsql.Copies",
	"org.apache.hadoop.fs.contract.hdfs.TestDFSWrappedIO",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractGetFileStatus",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractLeaseRecovery",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractMkdir",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractMultipartUploader",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractOpen",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractPathHandle",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractRename",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractRootDirectory",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractSafeMode",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractSeek",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractSetTimes",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractUnbuffer",
	"org.apache.hadoop.fs.contract.hdfs.TestHDFSContractVectoredRead",
}

// base are the base suites of FileSystem and FileContext.
var base = []string{
	"org.apache.hadoop.hdfs.TestHDFSFileSystemContract",
	"hopsql.MainOperations",
	"org.apache.hadoop.fs.TestHDFSFileContextMainOperations",
	"org.apache.hadoop.fs.TestFcHdfsCreateMkdir",
	"org.apache.hadoop.fs.TestFcHdfsPermission",
	"org.apache.hadoop.fs.TestFcHdfsSetUMask",
	"hopsql.Uris",
}

// attributes are the suites of access control lists and extended attributes.
var attributes = []string{
	"org.apache.hadoop.hdfs.server.namenode.TestNameNodeAcl",
	"org.apache.hadoop.hdfs.server.namenode.TestNameNodeXAttr",
}
