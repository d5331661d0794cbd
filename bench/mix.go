package bench

// Mix says how often each operation of a mix is called; weights are relative.
type Mix map[string]float64

func (m Mix) check(bool) error { return nil }

type pool struct{}
