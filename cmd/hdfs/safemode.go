package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// How often `-safemode wait` asks, as in Hadoop.
const safemodePause = 5 * time.Second

var safemodeActions = map[string]hdfspb.SafeModeActionProto{
	"enter":     hdfspb.SafeModeActionProto_SAFEMODE_ENTER,
	"leave":     hdfspb.SafeModeActionProto_SAFEMODE_LEAVE,
	"get":       hdfspb.SafeModeActionProto_SAFEMODE_GET,
	"wait":      hdfspb.SafeModeActionProto_SAFEMODE_GET,
	"forceExit": hdfspb.SafeModeActionProto_SAFEMODE_FORCE_EXIT,
}

const safemodeUsage = "hdfs dfsadmin [-safemode enter | leave | get | wait | forceExit]"

func (a *admin) safemode(args []string) int {
	if len(args) != 1 {
		return a.usage(safemodeUsage)
	}
	action, known := safemodeActions[args[0]]
	if !known {
		a.usage(safemodeUsage)
		return 0 // so it is in Hadoop, and scripts may rely on it
	}
	return a.everyNameNode(func(addr, suffix string) error {
		on, err := a.setSafemode(addr, action)
		for err == nil && on && args[0] == "wait" {
			select {
			case <-a.ctx.Done():
				return a.ctx.Err()
			case <-time.After(safemodePause):
			}
			on, err = a.setSafemode(addr, action)
			if _, down := errors.AsType[*client.ConnectError](err); down {
				on, err = true, nil // it is being started
			}
		}
		if err != nil {
			return err
		}
		state := "OFF"
		if on {
			state = "ON"
		}
		if suffix != "" {
			suffix = " in " + suffix
		}
		fmt.Fprintf(a.out, "Safe mode is %s%s\n", state, suffix)
		return nil
	})
}

// setSafemode answers the state after the action.
func (a *admin) setSafemode(addr string, action hdfspb.SafeModeActionProto) (bool, error) {
	resp := &hdfspb.SetSafeModeResponseProto{}
	err := a.nn.InvokeAt(addr, client.ProtocolClient, "setSafeMode", &hdfspb.SetSafeModeRequestProto{Action: &action}, resp)
	return resp.GetResult(), err
}
