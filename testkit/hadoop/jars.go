// Package hadoop runs stock Apache Hadoop against a NameNode under test: its
// command line, its benchmark, and its own servers as a yardstick.
//
// It promises that the jars are Apache's as Maven Central has them and that
// nothing of a Hadoop installation or of the user's configuration is used. A
// machine without Java or the jars fails the test with the command that brings
// them. It knows nothing of how the NameNode under test is made.
package hadoop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Version is the Apache Hadoop release that the tests use.
const Version = "3.4.3"

// EnvLib names the environment variable with the folder of the jars.
const EnvLib = "HOPSQL_HADOOP_LIB"

// LibDir is where the jars are looked for: $HOPSQL_HADOOP_LIB, else a folder in
// the user's cache, outside of the tree.
func LibDir() (string, error) {
	if dir := os.Getenv(EnvLib); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for Hadoop's jars: set %s: %w", EnvLib, err)
	}
	return filepath.Join(cache, "hopsql", "hadoop-"+Version), nil
}

// installation is what is needed to start a JVM with Hadoop in it.
type installation struct {
	java   string
	lib    string
	runner string // ShellRunner.java
}

var installed = sync.OnceValues(func() (installation, error) {
	var in installation
	var err error
	if in.java, err = exec.LookPath("java"); err != nil {
		return in, fmt.Errorf("java is not installed: run `apt-get install default-jdk-headless` (scripts/test.sh does)")
	}
	if in.lib, err = LibDir(); err != nil {
		return in, err
	}
	sources := sourceFolder()
	in.runner = filepath.Join(sources, "ShellRunner.java")
	jar := filepath.Join(in.lib, "hadoop-hdfs-"+Version+".jar")
	if _, err := os.Stat(jar); err != nil {
		return in, fmt.Errorf("the jars of Hadoop are not in %s: run `mvn -f %s package -DlibDir=%s` (scripts/test.sh does)",
			in.lib, filepath.Join(sources, "pom.xml"), in.lib)
	}
	return in, nil
})

// sourceFolder is test/hadoop of this repository.
func sourceFolder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "test", "hadoop")
}

func need(tb testing.TB) installation {
	tb.Helper()
	in, err := installed()
	if err != nil {
		tb.Fatal(err)
	}
	return in
}

// Command is the command line of a JVM that runs a class of Hadoop, or a Java source
// file, with the configuration in the folder conf and a heap of that size ("1g").
func Command(conf, heap, class string, args ...string) ([]string, error) {
	in, err := installed()
	if err != nil {
		return nil, err
	}
	return in.command(conf, heap, class, args...), nil
}

// command is the command line of a JVM that runs a class of Hadoop with the
// configuration in the folder conf.
func (in installation) command(conf, heap, class string, args ...string) []string {
	line := []string{in.java, "-Xmx" + heap, "-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true"}
	for _, p := range []string{"java.io", "java.lang", "java.util", "java.util.concurrent", "java.net", "java.nio"} {
		line = append(line, "--add-opens", "java.base/"+p+"=ALL-UNNAMED")
	}
	line = append(line, "-cp", conf+":"+filepath.Join(in.lib, "*"), class)
	return append(line, args...)
}
