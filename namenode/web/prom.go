package web

import (
	"strings"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
)

// records are the beans that Hadoop's own /prom shows, with the names of their records
// there.
var records = map[string]string{"FSNamesystem": "FSNamesystem", "JvmMetrics": "JvmMetrics",
	"RpcActivityForPort": "Rpc", "RpcDetailedActivityForPort": "Rpcdetailed"}

// counters are the endings of attributes that only grow.
var counters = []string{"NumOps", "Bytes", "GcCount", "GcTimeMillis", "RpcClientBackoff", "RpcCallSuccesses"}

// beanCollector shows the numbers of some beans under the names that they have in
// Hadoop's Prometheus text, so that dashboards for HDFS find them.
type beanCollector struct{ s *Server }

// Describe is part of prometheus.Collector. It says nothing: attributes come and go.
func (beanCollector) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector.
func (c beanCollector) Collect(out chan<- prometheus.Metric) {
	for _, b := range c.s.beans() {
		name := strings.TrimPrefix(b["name"].(string), beanPrefix)
		port, _ := b["tag.port"].(string)
		record := records[strings.TrimSuffix(name, port)]
		if record == "" {
			continue
		}
		var labels, values []string
		if port != "" {
			labels, values = []string{"port"}, []string{port}
		}
		for attr, v := range b {
			f, ok := number(v)
			if !ok {
				continue
			}
			d := prometheus.NewDesc(promName(record+upper(attr)), "As in Hadoop.", labels, nil)
			out <- prometheus.MustNewConstMetric(d, valueType(attr), f, values...)
		}
	}
}

func valueType(attr string) prometheus.ValueType {
	for _, end := range counters {
		if strings.HasSuffix(attr, end) {
			return prometheus.CounterValue
		}
	}
	return prometheus.GaugeValue
}

// number is the value of a numeric attribute.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// promName splits a name at its capitals: FSNamesystemCapacityTotal is
// fs_namesystem_capacity_total.
func promName(s string) string {
	var b strings.Builder
	r := []rune(s)
	for i, c := range r {
		if i > 0 && unicode.IsUpper(c) && (!unicode.IsUpper(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
