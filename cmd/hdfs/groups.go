package main

import (
	"fmt"
	"strings"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// groups asks the NameNode, whose mapping is the one that counts.
func (t *tool) groups(args []string) int {
	cfg, users, err := load(args)
	if err != nil {
		return t.complain("hdfs groups", err)
	}
	c, err := dial(cfg)
	if err != nil {
		return t.complain("hdfs groups", err)
	}
	defer c.Close()
	if len(users) == 0 {
		users = []string{c.User()}
	}
	for _, u := range users {
		resp := &ipcpb.GetGroupsForUserResponseProto{}
		err := c.WithContext(t.ctx).Invoke(client.ProtocolUserMappings, "getGroupsForUser", &ipcpb.GetGroupsForUserRequestProto{User: &u}, resp)
		if err != nil {
			t.complain("hdfs groups", err)
			return 1
		}
		fmt.Fprintln(t.out, strings.TrimRight(u+" : "+strings.Join(resp.GetGroups(), " "), " "))
	}
	return 0
}
