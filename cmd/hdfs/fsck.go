package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/shell"
)

const fsckUsage = `hdfs fsck <path> [-list-corruptfileblocks | [-move | -delete | -openforwrite] [-files [-blocks [-locations | -racks | -replicaDetails | -upgradedomains]]]] [-includeSnapshots] [-showprogress] [-storagepolicies] [-maintenance] [-blockId <blk_Id>] [-replicate]
       hdfs fsck -metadata
	<path>	what to check, a file or a directory tree
	-move	copy what is left of files that lost data to /lost+found
	-delete	delete files that lost data
	-files	print a line for each file
	-openforwrite	check files that are being written too
	-includeSnapshots	means nothing: there are no snapshots
	-list-corruptfileblocks	print the blocks without a good replica and their files
	-files -blocks	print the blocks of each file
	-files -blocks -locations	print where the replicas are
	-files -blocks -racks	print on which racks the replicas are
	-files -blocks -replicaDetails	print the state of each replica
	-files -blocks -upgradedomains	print upgrade domains, of which there are none
	-storagepolicies	print how many blocks are where their policy wants them
	-maintenance	count replicas under maintenance too
	-showprogress	means nothing: progress is always shown
	-blockId	print the file and the replicas of blocks
	-replicate	is not supported: misplaced blocks are copied without it
	-metadata	hold all tables of the database against each other

Exit codes: 0 healthy, 1 corrupt, 2 to 6 what one replica's DataNode does, 255 failed.
`

// fsckSwitches are the options and what they are called in the request.
var fsckSwitches = map[string]string{
	"-move": "move", "-delete": "delete", "-files": "files", "-openforwrite": "openforwrite", "-blocks": "blocks",
	"-locations": "locations", "-racks": "racks", "-replicaDetails": "replicadetails", "-upgradedomains": "upgradedomains",
	"-storagepolicies": "storagepolicies", "-showprogress": "showprogress", "-list-corruptfileblocks": "listcorruptfileblocks",
	"-includeSnapshots": "includeSnapshots", "-maintenance": "maintenance", "-replicate": "replicate", "-metadata": "metadata",
}

// fsckEnds are the exit codes that the last line of an answer stands for.
var fsckEnds = []struct {
	end  string
	code int
}{
	{"is HEALTHY", 0}, {"is CORRUPT", 1}, {"does not exist", 0}, {"is EXCESS", 0}, {"is DECOMMISSIONED", 2}, {"is DECOMMISSIONING", 3},
	{"is IN MAINTENANCE", 4}, {"is ENTERING MAINTENANCE", 5}, {"is STALE", 6},
}

// misused is what is wrong with the arguments.
type misused string

func (m misused) Error() string { return string(m) }

// errNoPath is what fsck says of a path that is not there, and succeeds.
var errNoPath = errors.New("no such path")

// fsck asks a NameNode's HTTP port how healthy the file system is.
func (t *tool) fsck(args []string) int {
	cfg, rest, err := load(args)
	if err != nil {
		return t.complain("fsck", err)
	}
	if len(rest) == 0 {
		return t.usage(strings.TrimSpace(fsckUsage))
	}
	query, path, err := fsckQuery(rest)
	if err != nil {
		fmt.Fprintf(t.err, "fsck: %v\n", err)
		return t.usage(strings.TrimSpace(fsckUsage))
	}
	c, err := dial(cfg)
	if err != nil {
		return t.complain("fsck", err)
	}
	defer c.Close()
	ctx, stop := signal.NotifyContext(t.ctx, os.Interrupt)
	defer stop()
	path, err = fsckPath(c.WithContext(ctx), path)
	switch {
	case errors.Is(err, errNoPath):
		fmt.Fprintf(t.err, "FileSystem is inaccessible due to:\njava.io.FileNotFoundException: File does not exist: %s\nDFSck exiting.\n", path)
		return 0
	case err != nil:
		fmt.Fprintf(t.err, "FileSystem is inaccessible due to:\n%s\nDFSck exiting.\n", shell.Message(err))
		return 0
	}
	request := "/fsck?ugi=" + url.QueryEscape(c.User()) + query + "&path=" + url.QueryEscape(path)
	body, address, err := askWeb(ctx, cfg, c.NameService(), request)
	if err != nil {
		return t.complain("fsck", err)
	}
	defer body.Close()
	fmt.Fprintf(t.err, "Connecting to namenode via http://%s%s\n", address, request)
	if strings.Contains(query, "&listcorruptfileblocks=1") {
		return t.corruptBlocks(body, path)
	}
	return t.fsckAnswer(body)
}

// fsckQuery makes the request of the options.
func fsckQuery(args []string) (query, path string, err error) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch word, known := fsckSwitches[a]; {
		case known:
			query += "&" + word + "=1"
		case a == "-blockId":
			var ids strings.Builder
			for i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				ids.WriteString(args[i] + " ")
			}
			query += "&blockId=" + url.QueryEscape(ids.String())
		case strings.HasPrefix(a, "-"):
			return "", "", misused("Illegal option '" + a + "'")
		case path != "":
			return "", "", misused("can only operate on one path at a time '" + a + "'")
		default:
			path = a
		}
	}
	if path == "" {
		path = "/"
	}
	return query, path, nil
}

// fsckPath is the absolute path; errNoPath comes with the one that is not there.
func fsckPath(c *client.Client, name string) (string, error) {
	path, err := c.Resolve(name)
	if err != nil {
		return name, err
	}
	if _, err = c.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return path, errNoPath
	}
	return path, err
}

// askWeb sends a request to the HTTP port of the first NameNode that answers.
func askWeb(ctx context.Context, cfg *conf.Config, ns client.NameService, request string) (body io.ReadCloser, address string, err error) {
	var failed error
	for i := range ns.Addrs {
		address := webAddress(cfg, ns, i)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+request, http.NoBody)
		if err != nil {
			return nil, "", err
		}
		dialer := &net.Dialer{Timeout: time.Minute}
		resp, err := (&http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}).Do(req)
		if err == nil && resp.StatusCode == http.StatusOK {
			return resp.Body, address, nil
		}
		if err == nil {
			resp.Body.Close()
			err = fmt.Errorf("http://%s answers %s", address, resp.Status)
		}
		failed = errors.Join(failed, err)
	}
	return nil, "", failed
}

// webAddress is that of the i-th NameNode's HTTP port.
func webAddress(cfg *conf.Config, ns client.NameService, i int) string {
	key := "dfs.namenode.http-address"
	address := cfg.Get(key)
	if ns.ID != "" {
		for _, suffix := range []string{"." + ns.ID, "." + ns.ID + "." + ns.NameNodes[i]} {
			if v := cfg.Get(key + suffix); v != "" {
				address = v
			}
		}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if h, _, err := net.SplitHostPort(ns.Addrs[i]); err == nil {
			host = h
		}
	}
	return net.JoinHostPort(host, port)
}

// fsckAnswer prints an answer and returns the exit code that its last line says.
func (t *tool) fsckAnswer(body io.Reader) int {
	out := bufio.NewWriter(t.out)
	flush := func() { _ = out.Flush() } // an error is that of a reader who went away
	in := bufio.NewReader(body)
	last, ended := "", false
	for {
		// Dots come without an end of line, and are to be seen.
		if in.Buffered() == 0 {
			flush()
		}
		part, err := in.ReadString('\n')
		fmt.Fprint(out, part)
		if part != "" {
			last, ended = strings.CutSuffix(part, "\n")
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			flush()
			return t.complain("fsck", err)
		}
	}
	if !ended {
		fmt.Fprintln(out)
	}
	flush()
	if strings.HasPrefix(last, "Incorrect blockId format:") {
		return 0
	}
	for _, e := range fsckEnds {
		if strings.HasSuffix(last, e.end) {
			return e.code
		}
	}
	return exitBad
}

// corruptBlocks prints the list of -list-corruptfileblocks. There is no second page: our
// NameNode answers all at once.
func (t *tool) corruptBlocks(body io.Reader, path string) int {
	n := 0
	head := fmt.Sprintf("The list of corrupt blocks under path '%s' are:\n", path)
	in := bufio.NewScanner(body)
	in.Buffer(nil, 1<<20)
	skip := []string{"FSCK started by", "FSCK ended at", "The filesystem under path", "Cookie:"}
	for in.Scan() {
		line := in.Text()
		switch {
		case strings.HasPrefix(line, "Access denied for user"):
			fmt.Fprintf(t.out, "Failed to open path '%s': Permission denied\n", path)
			return exitBad
		case strings.HasSuffix(line, "does not exist"):
			fmt.Fprintln(t.out, line)
			return 0
		case line == "" || slices.ContainsFunc(skip, func(p string) bool { return strings.HasPrefix(line, p) }):
		default:
			fmt.Fprintln(t.out, head+line)
			head = ""
			n++
		}
	}
	if err := in.Err(); err != nil {
		return t.complain("fsck", err)
	}
	fmt.Fprintf(t.out, "The filesystem under path '%s' has %d CORRUPT blocks\n", path, n)
	if n > 0 {
		return exitBad
	}
	return 0
}
