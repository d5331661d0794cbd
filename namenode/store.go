package namenode

import (
	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/hadoop/conf"
)

// openStore opens the configured store. Tests put another one in its place.
var openStore = open.Open

// storeName is the store for people, without its password.
func storeName(c *conf.Config, store dal.Store) string {
	if l, err := open.Locate(c); err == nil {
		return l.String()
	}
	return store.Traits().Name
}

// exclusive reports whether a store admits one process at a time, so that rows of
// other NameNodes are always left over.
func exclusive(store dal.Store) bool {
	name := store.Traits().Name
	return name == "sqlite" || name == "memory"
}
