package hadoop

import (
	"encoding/xml"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// logging keeps what the commands print free of log lines, except
// warnings and the figures of the benchmark.
const logging = `log4j.rootLogger=WARN,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c: %m%n
log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR
log4j.logger.org.apache.hadoop.metrics2=ERROR
log4j.logger.org.apache.hadoop.hdfs.server.namenode.NNThroughputBenchmark=INFO
`

// WriteConf is SaveConf for a test.
func WriteConf(tb testing.TB, dir string, props map[string]string) {
	tb.Helper()
	if err := SaveConf(dir, props); err != nil {
		tb.Fatal(err)
	}
}

// SaveConf writes a Hadoop configuration folder: core-site.xml with the fs.,
// hadoop., ipc. and io. keys, hdfs-site.xml with the others, and quiet logging.
func SaveConf(dir string, props map[string]string) error {
	core, hdfs := map[string]string{}, map[string]string{}
	for k, v := range props {
		switch {
		case strings.HasPrefix(k, "fs."), strings.HasPrefix(k, "hadoop."), strings.HasPrefix(k, "ipc."), strings.HasPrefix(k, "io."):
			core[k] = v
		default:
			hdfs[k] = v
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"core-site.xml": site(core), "hdfs-site.xml": site(hdfs), "log4j.properties": []byte(logging),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func site(props map[string]string) []byte {
	type property struct {
		Name  string `xml:"name"`
		Value string `xml:"value"`
	}
	var doc struct {
		XMLName  xml.Name   `xml:"configuration"`
		Property []property `xml:"property"`
	}
	for _, name := range slices.Sorted(maps.Keys(props)) {
		doc.Property = append(doc.Property, property{name, props[name]})
	}
	data, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // strings can be marshalled
	}
	return append([]byte(xml.Header), append(data, '\n')...)
}
