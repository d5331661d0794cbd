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

// WriteConf writes a Hadoop configuration folder: core-site.xml with the fs.,
// hadoop., ipc. and io. keys, hdfs-site.xml with the others, and quiet logging.
func WriteConf(tb testing.TB, dir string, props map[string]string) {
	tb.Helper()
	core, hdfs := map[string]string{}, map[string]string{}
	for k, v := range props {
		switch {
		case strings.HasPrefix(k, "fs."), strings.HasPrefix(k, "hadoop."), strings.HasPrefix(k, "ipc."), strings.HasPrefix(k, "io."):
			core[k] = v
		default:
			hdfs[k] = v
		}
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	write("core-site.xml", site(tb, core))
	write("hdfs-site.xml", site(tb, hdfs))
	write("log4j.properties", []byte(logging))
}

func site(tb testing.TB, props map[string]string) []byte {
	tb.Helper()
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
		tb.Fatal(err)
	}
	return append([]byte(xml.Header), append(data, '\n')...)
}
