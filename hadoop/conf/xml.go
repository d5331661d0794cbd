package conf

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxFile     = 16 << 20 // bytes
	maxIncludes = 20       // files within files
	xincludeNS  = "http://www.w3.org/2001/XInclude"
)

// loader hands the properties of one file and of those it includes to add.
type loader struct {
	add func(key string, v value)
	// open is os.Open unless a test says otherwise.
	open func(path string) (io.ReadCloser, error)
}

// errXML is an error of a place in a file.
type errXML struct {
	path string
	line int
	text string
}

func (e *errXML) Error() string { return fmt.Sprintf("%s:%d: %s", e.path, e.line, e.text) }

// file loads path, which is included depth levels deep.
func (l *loader) file(path string, depth int) error {
	open := l.open
	if open == nil {
		open = func(path string) (io.ReadCloser, error) { return os.Open(path) }
	}
	f, err := open(path)
	if err != nil {
		return fmt.Errorf("cannot read the configuration: %w", err)
	}
	defer f.Close()
	return l.read(f, path, depth)
}

// read loads one document.
func (l *loader) read(r io.Reader, path string, depth int) error {
	limited := &io.LimitedReader{R: r, N: maxFile + 1}
	d := xml.NewDecoder(limited)
	d.CharsetReader = charset
	p := &parser{l: l, d: d, path: path, depth: depth}
	err := p.document()
	if limited.N <= 0 {
		return fmt.Errorf("%s: the file is larger than %d MiB", path, maxFile>>20)
	}
	return err
}

// parser reads one document.
type parser struct {
	l     *loader
	d     *xml.Decoder
	path  string
	depth int // of this file
	nest  int // of <configuration> and <fallback> elements
}

func (p *parser) fail(format string, args ...any) error {
	line, _ := p.d.InputPos()
	return &errXML{p.path, line, fmt.Sprintf(format, args...)}
}

// broken says where an error of the decoder is.
func (p *parser) broken(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &errXML{p.path, syntax.Line, "broken XML: " + syntax.Msg}
	case errors.Is(err, io.EOF):
		return p.fail("broken XML: unexpected end of the file")
	}
	return p.fail("broken XML: %v", err)
}

// document reads the root element and looks for nothing after it but space.
func (p *parser) document() error {
	seen := false
	for {
		t, err := p.d.Token()
		if errors.Is(err, io.EOF) {
			if !seen {
				return p.fail("the file holds no <configuration>")
			}
			return nil
		}
		if err != nil {
			return p.broken(err)
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if seen || start.Name.Local != "configuration" {
			return p.fail("<%s> is where one <configuration> should be", start.Name.Local)
		}
		seen = true
		if err := p.children(); err != nil {
			return err
		}
	}
}

// children reads what a <configuration> or a chosen <fallback> holds.
func (p *parser) children() error {
	if p.nest++; p.nest > maxIncludes {
		return p.fail("elements are nested too deeply")
	}
	defer func() { p.nest-- }()
	for {
		t, err := p.d.Token()
		if err != nil {
			return p.broken(err)
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			switch {
			case t.Name.Local == "property":
				err = p.property(t)
			case t.Name.Local == "configuration":
				err = p.children()
			case isInclude(t.Name):
				err = p.include(t)
			default: // Hadoop takes no notice either
				err = p.skip()
			}
			if err != nil {
				return err
			}
		}
	}
}

// isInclude tolerates a file that forgot to declare the namespace.
func isInclude(n xml.Name) bool {
	return n.Local == "include" && (n.Space == xincludeNS || n.Space == "xi")
}

func (p *parser) skip() error {
	if err := p.d.Skip(); err != nil {
		return p.broken(err)
	}
	return nil
}

// property reads <property>, with its parts as elements or attributes.
func (p *parser) property(start xml.StartElement) error {
	line, _ := p.d.InputPos()
	var name, final string
	var val *string
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "name":
			name = a.Value
		case "value":
			val = &a.Value
		case "final":
			final = a.Value
		}
	}
	for {
		t, err := p.d.Token()
		if err != nil {
			return p.broken(err)
		}
		if _, ok := t.(xml.EndElement); ok {
			break
		}
		child, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch child.Name.Local {
		case "name", "value", "final":
		default: // description, source, tag
			if err := p.skip(); err != nil {
				return err
			}
			continue
		}
		text, err := p.text(child.Name.Local)
		if err != nil {
			return err
		}
		switch child.Name.Local {
		case "name":
			name = text
		case "value":
			val = &text
		case "final":
			final = text
		}
	}
	if name = strings.TrimSpace(name); name == "" {
		return &errXML{p.path, line, "a <property> without a <name>"}
	}
	if val != nil { // without a value Hadoop takes the property for absent
		p.l.add(name, value{
			raw: *val, source: fmt.Sprintf("%s:%d", p.path, line),
			final: strings.EqualFold(strings.TrimSpace(final), "true"),
		})
	}
	return nil
}

// text is the text of the element that just began; it holds no elements.
func (p *parser) text(element string) (string, error) {
	var b strings.Builder
	for {
		t, err := p.d.Token()
		if err != nil {
			return "", p.broken(err)
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.StartElement:
			return "", p.fail("<%s> inside <%s>", t.Name.Local, element)
		case xml.EndElement:
			return b.String(), nil
		}
	}
}

// include loads the file of <xi:include href="…">. Its <xi:fallback> counts if
// that file does not exist, and only then.
func (p *parser) include(start xml.StartElement) error {
	var href string
	for _, a := range start.Attr {
		if a.Name.Local == "href" {
			href = strings.TrimPrefix(a.Value, "file://")
		}
	}
	if href == "" {
		return p.fail("<xi:include> without href")
	}
	if u, err := url.Parse(href); err == nil && u.Scheme != "" {
		return p.fail("<xi:include> can include files only, not %s", href)
	}
	if !filepath.IsAbs(href) {
		href = filepath.Join(filepath.Dir(p.path), href)
	}
	if p.depth >= maxIncludes {
		return p.fail("files are included more than %d levels deep: does %s include itself?", maxIncludes, href)
	}
	missing := p.l.file(href, p.depth+1)
	if missing != nil && !errors.Is(missing, fs.ErrNotExist) {
		return missing
	}
	for {
		t, err := p.d.Token()
		if err != nil {
			return p.broken(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local == "fallback" && missing != nil {
				missing = nil
				err = p.children()
			} else {
				err = p.skip()
			}
			if err != nil {
				return err
			}
		case xml.EndElement:
			if missing != nil {
				return p.fail("%v", missing)
			}
			return nil
		}
	}
}
