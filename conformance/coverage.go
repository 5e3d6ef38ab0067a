package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Coverage counts which operations and events were exercised on one endpoint.
type Coverage struct {
	// Name is what the endpoint is called in the table.
	Name string

	description *description

	mu        sync.Mutex
	version   string
	statuses  map[string]map[int]int // by operation
	events    map[string]int
	scenarios int
	failed    int
	complete  bool // no scenario was left out
}

// NewCoverage returns an empty one.
func NewCoverage(tb testing.TB, name string) *Coverage {
	tb.Helper()
	d, err := describe()
	if err != nil {
		tb.Fatal(err)
	}
	return &Coverage{Name: name, description: d, statuses: make(map[string]map[int]int), events: make(map[string]int)}
}

func (c *Coverage) operation(id string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.statuses[id] == nil {
		c.statuses[id] = make(map[int]int)
	}
	c.statuses[id][status]++
}

func (c *Coverage) event(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[name]++
}

// succeeded is how often an operation has succeeded.
func (c *Coverage) succeeded(id string) int {
	n := 0
	for status, count := range c.statuses[id] {
		if status < 300 {
			n += count
		}
	}
	return n
}

// An Exemption is an operation or event that can't be exercised on an endpoint, and why.
type Exemption struct {
	Name   string
	Reason string
}

// Check fails the test if an operation or event that the endpoint's version has was neither exercised nor is listed, or if one is listed that was
// exercised. It does nothing when scenarios were left out or have failed.
func (c *Coverage) Check(tb testing.TB, exemptions []Exemption) {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.complete || c.failed > 0 {
		tb.Logf("%s: not all scenarios ran, so that nothing can be said about what they exercise", c.Name)
		return
	}
	listed := make(map[string]string)
	for _, e := range exemptions {
		listed[e.Name] = e.Reason
	}
	check := func(name string, has, exercised bool) {
		reason, isListed := listed[name]
		delete(listed, name)
		switch {
		case has && !exercised && !isListed:
			tb.Errorf("%s: %s was not exercised", c.Name, name)
		case exercised && isListed:
			tb.Errorf("%s: %s is listed as impossible (%s), but was exercised", c.Name, name, reason)
		case !has && isListed:
			tb.Errorf("%s: %s is listed as impossible, but doesn't exist in %s", c.Name, name, c.version)
		}
	}
	for _, op := range c.description.operations {
		check(op.id, op.since.have(c.version), c.succeeded(op.id) > 0)
	}
	for name, since := range c.description.events {
		check(name, since.have(c.version), c.events[name] > 0)
	}
	for name := range listed {
		tb.Errorf("%s: %s is listed as impossible, but is neither an operation nor an event", c.Name, name)
	}
	for name := range c.events {
		if _, known := c.description.events[name]; !known {
			tb.Errorf("%s: the event %s isn't in the description", c.Name, name)
		}
	}
}

// Table shows what was exercised, side by side: with which statuses each operation was answered, and which events came. With counts, it tells how often.
func Table(coverages []*Coverage, exemptions map[string][]Exemption, counts bool) string {
	if len(coverages) == 0 {
		return ""
	}
	d := coverages[0].description
	cell := func(c *Coverage, name string, has bool, text string) string {
		switch {
		case text != "":
			return text
		case !has:
			return "- (not in this version)"
		}
		for _, e := range exemptions[c.Name] {
			if e.Name == name {
				return "- (" + e.Reason + ")"
			}
		}
		return "MISSING"
	}
	var rows [][]string
	row := func(name string, text func(c *Coverage) string) {
		cells := []string{name}
		for _, c := range coverages {
			c.mu.Lock()
			cells = append(cells, text(c))
			c.mu.Unlock()
		}
		rows = append(rows, cells)
	}
	row("", func(c *Coverage) string { return fmt.Sprintf("%s (%s), %d scenarios", c.Name, c.version, c.scenarios) })
	for _, op := range d.operations {
		row(op.id, func(c *Coverage) string {
			var parts []string
			for _, status := range slices.Sorted(maps.Keys(c.statuses[op.id])) {
				part := strconv.Itoa(status)
				if counts {
					part += fmt.Sprintf(": %d", c.statuses[op.id][status])
				}
				parts = append(parts, part)
			}
			text := strings.Join(parts, ", ")
			if c.succeeded(op.id) == 0 {
				text = strings.TrimPrefix(text+"; ", "; ") + cell(c, op.id, op.since.have(c.version), "")
			}
			return text
		})
	}
	row("", func(*Coverage) string { return "" })
	for _, name := range slices.Sorted(maps.Keys(d.events)) {
		row(name, func(c *Coverage) string {
			text := ""
			if n := c.events[name]; n > 0 {
				text = "yes"
				if counts {
					text = strconv.Itoa(n)
				}
			}
			return cell(c, name, d.events[name].have(c.version), text)
		})
	}
	widths := make([]int, len(rows[0]))
	for _, cells := range rows {
		for i, cell := range cells {
			widths[i] = min(max(widths[i], len(cell)), 60)
		}
	}
	var b strings.Builder
	for _, cells := range rows {
		var text strings.Builder
		for i, cell := range cells {
			fmt.Fprintf(&text, "%-*s  ", widths[i], cell)
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	return b.String()
}
