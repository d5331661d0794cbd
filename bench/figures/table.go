package figures

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// missing stands for what was not measured.
const missing = "–"

// Count formats a number of three or more digits: 12,345.
func Count(v float64) string {
	digits := strconv.FormatInt(int64(math.Round(v)), 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// Short formats a number with about three digits.
func Short(v float64) string {
	switch {
	case v >= 100:
		return Count(v)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// String shows the median and, if there was more than one value, the others.
func (s Spread) String() string {
	switch s.N {
	case 0:
		return missing
	case 1:
		return fmt.Sprintf("%.2f", s.Median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max)
}

// In shows the median alone, in a format such as Count.
func (s Spread) In(format func(float64) string) string {
	if s.N == 0 {
		return missing
	}
	return format(s.Median)
}

// A Table is printed with columns of equal width, as Markdown.
type Table struct {
	Title string
	rows  [][]string
}

// NewTable makes a table with a head.
func NewTable(title string, head ...string) *Table {
	return &Table{Title: title, rows: [][]string{head}}
}

// Row adds a row.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// String is the table: the first column to the left, the others to the right.
func (t *Table) String() string {
	width := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 4)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", t.Title)
	for n, row := range t.rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprintf(&b, "| %s%s ", cell, pad)
			} else {
				fmt.Fprintf(&b, "| %s%s ", pad, cell)
			}
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i := range row {
			if i == 0 {
				fmt.Fprintf(&b, "|%s", strings.Repeat("-", width[0]+2))
			} else {
				fmt.Fprintf(&b, "|%s:", strings.Repeat("-", width[i]+1))
			}
		}
		b.WriteString("|\n")
	}
	return b.String()
}
