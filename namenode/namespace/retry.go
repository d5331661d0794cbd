package namespace

import (
	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// RetryExpiry is how long the answer of an at-most-once call is kept, in ms
// (dfs.namenode.retrycache.expirytime.millis).
const RetryExpiry = 600_000

// answered looks for the answer that an earlier try of this call left. A first try
// has none, so it does not look, unless its own answer could not be stored because
// a second try at another NameNode was faster.
func (c *Caller) answered(tx *txn.Tx) (answer string, ok bool, err error) {
	if c.ClientID == "" || c.Retry == 0 && !tx.Collided() {
		return "", false, nil
	}
	row, err := tx.Get(schema.RetryCache, tx.Key(schema.Str(c.ClientID), schema.Int(c.CallID)), dal.None)
	if err != nil || row == nil {
		return "", false, err
	}
	return schema.RetryEntryOf(row).Answer, true, nil
}

// wantAnswer announces the read of answered.
func (c *Caller) wantAnswer(tx *txn.Tx) {
	if c.ClientID != "" && c.Retry != 0 {
		tx.Want(txn.Row(schema.RetryCache, tx.Key(schema.Str(c.ClientID), schema.Int(c.CallID)), dal.None))
	}
}

// remember leaves the answer of this call, in the transaction that does its work.
func (c *Caller) remember(tx *txn.Tx, answer string) error {
	if c.ClientID == "" {
		return nil
	}
	e := schema.RetryEntry{ClientID: c.ClientID, CallID: c.CallID, Expires: tx.Now() + RetryExpiry, Answer: answer}
	return tx.Insert(schema.RetryCache, e.Append(tx.NewRow(schema.RetryCache)))
}
