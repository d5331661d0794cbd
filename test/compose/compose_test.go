// Package compose checks docker-compose.yml, which the tests cannot run: that all
// services of a cluster are there, wait for each other, are watched, and that
// every file that is named exists.
package compose

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = "../.."

type service struct {
	Image      string
	Build      struct{ Context, Dockerfile string }
	Command    []string
	Entrypoint []string
	DependsOn  map[string]struct{ Condition string } `yaml:"depends_on"`
	Ports      []string
	Volumes    []string
	Health     *struct {
		Test                       []string
		Interval, Timeout, Retries string
	} `yaml:"healthcheck"`
	Restart     string
	Hostname    string
	Environment map[string]string
}

type file struct {
	Services map[string]service
	Volumes  map[string]any
}

func load(t *testing.T) file {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := yaml.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestServices(t *testing.T) {
	f := load(t)
	for name, want := range map[string]struct {
		image, program string
		after          []string
		ports          int
	}{
		"management": {"mysql/mysql-cluster", "ndb_mgmd", nil, 0},
		"data1":      {"mysql/mysql-cluster", "ndbd", []string{"management"}, 0},
		"data2":      {"mysql/mysql-cluster", "ndbd", []string{"management"}, 0},
		"sql1":       {"mysql/mysql-cluster", "mysqld", []string{"data1", "data2"}, 0},
		"sql2":       {"mysql/mysql-cluster", "mysqld", []string{"data1", "data2"}, 0},
		"format":     {"hopsql", "dfs.storage.driver.url", []string{"sql1", "sql2"}, 0},
		"namenode1":  {"hopsql", "namenode", []string{"format"}, 2},
		"namenode2":  {"hopsql", "namenode", []string{"format"}, 2},
		"datanode1":  {"hopsql", "datanode", []string{"namenode1", "namenode2"}, 0},
		"datanode2":  {"hopsql", "datanode", []string{"namenode1", "namenode2"}, 0},
	} {
		s, ok := f.Services[name]
		if !ok {
			t.Errorf("no service %s", name)
			continue
		}
		if !strings.HasPrefix(s.Image, want.image) {
			t.Errorf("%s: image %q, want %s", name, s.Image, want.image)
		}
		if len(s.Command) == 0 || !strings.HasPrefix(s.Command[0], want.program) {
			t.Errorf("%s: command %q, want %s", name, s.Command, want.program)
		}
		if len(s.Ports) != want.ports {
			t.Errorf("%s: ports %q, want %d", name, s.Ports, want.ports)
		}
		if len(s.DependsOn) != len(want.after) {
			t.Errorf("%s waits for %v, want %v", name, s.DependsOn, want.after)
		}
		for _, other := range want.after {
			condition := "service_healthy"
			if other == "format" {
				condition = "service_completed_successfully"
			}
			if got := s.DependsOn[other].Condition; got != condition {
				t.Errorf("%s waits for %s to be %q, want %s", name, other, got, condition)
			}
		}
		if name != "format" && (s.Health == nil || len(s.Health.Test) == 0 || s.Health.Retries == "") {
			t.Errorf("%s has no health check", name)
		}
	}
	if len(f.Services) != 10 {
		t.Errorf("%d services, want 10", len(f.Services))
	}
}

func TestFilesExist(t *testing.T) {
	f := load(t)
	exists := func(who, name string) {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("%s names %s: %v", who, name, err)
		}
	}
	for name, s := range f.Services {
		if s.Image == "hopsql" {
			exists(name, s.Build.Dockerfile)
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(source, ".") {
				exists(name, source)
			} else if _, ok := f.Volumes[source]; !ok {
				t.Errorf("%s uses the volume %s, which is not declared", name, source)
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(root, "docker", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(string(data), -1) {
		for _, source := range strings.Fields(m[1]) {
			exists("docker/Dockerfile", source)
		}
	}
	if !strings.Contains(string(data), "./cmd/hdfs") {
		t.Error("docker/Dockerfile does not build ./cmd/hdfs")
	}
	exists("docker/Dockerfile", "cmd/hdfs")
}

// TestHostsOfNDB wants every host in mysql-cluster.cnf to be a service.
func TestHostsOfNDB(t *testing.T) {
	f := load(t)
	data, err := os.ReadFile(filepath.Join(root, "docker", "mysql-cluster.cnf"))
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, m := range regexp.MustCompile(`(?m)^HostName=(\S+)$`).FindAllStringSubmatch(string(data), -1) {
		hosts = append(hosts, m[1])
		if _, ok := f.Services[m[1]]; !ok {
			t.Errorf("mysql-cluster.cnf names the host %s, which is no service", m[1])
		}
	}
	slices.Sort(hosts)
	if got := strings.Join(hosts, " "); got != "data1 data2 management sql1 sql2" {
		t.Errorf("hosts %s", got)
	}
}

// TestNoPasswordInFiles wants the password to come from outside.
func TestNoPasswordInFiles(t *testing.T) {
	for name, s := range load(t).Services {
		for key, value := range s.Environment {
			if strings.Contains(key, "PASSWORD") && !strings.HasPrefix(value, "${") {
				t.Errorf("%s: %s is written down", name, key)
			}
		}
		for _, word := range s.Command {
			if strings.Contains(word, "mysql://") && strings.Contains(strings.SplitN(word, "@", 2)[0], "root:") {
				t.Errorf("%s: a password in %s", name, word)
			}
		}
	}
}
