package shell

import (
	"fmt"
	"math/bits"
	"strconv"
)

const prefixes = "KMGTPE"

// Human writes n with a binary prefix and decimals digits: 24 K, 2.9 M; below
// 1024 it is the number itself. unit follows the prefix.
func Human(n int64, unit string, decimals int) string {
	sign := ""
	u := uint64(n)
	if n < 0 {
		sign, u = "-", uint64(-n)
	}
	if u < 1024 {
		if unit == "" {
			return sign + strconv.FormatUint(u, 10)
		}
		return sign + strconv.FormatUint(u, 10) + " " + unit
	}
	i := (bits.Len64(u) - 1) / 10
	shift := uint(10 * i)
	text := strconv.FormatUint(u>>shift, 10)
	if u&(1<<shift-1) != 0 {
		text = rounded(u, shift, decimals)
		if len(text) >= 4 && text[:4] == "1024" && i < len(prefixes) {
			i++
			text = rounded(u, shift+10, decimals)
		}
	}
	return sign + text + " " + prefixes[i-1:i] + unit
}

// rounded is u / 2^shift with half rounded up, as Java writes it.
func rounded(u uint64, shift uint, decimals int) string {
	pow := uint64(1)
	for range decimals {
		pow *= 10
	}
	hi, lo := bits.Mul64(u, pow)
	lo, carry := bits.Add64(lo, 1<<(shift-1), 0)
	hi += carry
	q := hi<<(64-shift) | lo>>shift
	if decimals == 0 {
		return strconv.FormatUint(q, 10)
	}
	return fmt.Sprintf("%d.%0*d", q/pow, decimals, q%pow)
}

// percent is used/total with digits decimals and a percent sign, NaN% of nothing.
func percent(used, total int64, digits int) string {
	if total == 0 {
		return "NaN%"
	}
	return fmt.Sprintf("%.*f%%", digits, 100*float64(used)/float64(total))
}

// size is a number of bytes for the columns of ls, du and count.
func (r *run) size(n int64) string {
	if r.has("h") {
		return Human(n, "", 1)
	}
	return strconv.FormatInt(n, 10)
}
