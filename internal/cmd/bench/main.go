// Command bench runs the benchmarks of pkg/ari several times and prints a table for people: medians, and the ratios
// between things that were measured in the same run. With -check it fails when a ratio is worse than it may be.
//
// Absolute times depend on the machine and on what else it does; the ratios are what is promised.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

func main() {
	count := flag.Int("count", 5, "how often each benchmark runs; the median is taken")
	check := flag.Bool("check", false, "fail when a limit is exceeded by more than the noise")
	noise := flag.Float64("noise", 0.25, "with -check: by how much of it a limit may be exceeded")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	all := make(results)
	for attempt := 1; ; attempt++ {
		cpu, err := measure(ctx, *count, all)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		fmt.Printf("%s, %s/%s, %d cores, %s; median of %d runs\n\n", cpu, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), attempt**count)
		failed := report(os.Stdout, all, *noise)
		switch {
		case !*check || failed == 0:
			return
		case attempt == attempts:
			fmt.Fprintf(os.Stderr, "bench: %d limits exceeded\n", failed)
			os.Exit(1)
		}
		fmt.Fprintf(os.Stderr, "bench: %d limits exceeded; measuring again\n", failed)
	}
}

// attempts is how often -check measures before it fails: a machine may be busy for a while.
const attempts = 3

// groups are the benchmarks and how often, or how long, each of their contenders runs.
var groups = []struct{ pkg, pattern, time string }{
	{"./pkg/ari", "^BenchmarkRecorded$", "100000x"},
	{"./pkg/ari", "^BenchmarkDispatch$", "100000x"},
	{"./pkg/ari", "^BenchmarkEndToEnd$", "400000x"},
	{"./pkg/ari", "^BenchmarkCommand$", "40000x"},
	{"./pkg/ari", "^BenchmarkMemory$", "1x"},
	{"./pkg/media", "^BenchmarkFrame$", "50000x"},
	{"./pkg/ari/aritest", "^BenchmarkTestStart$", "300x"},
	{"./pkg/ari/aritest", "^BenchmarkTenThousandCalls$", "1x"},
	{"./conformance", "^BenchmarkTransports$", "1x"},
}

// results are the values of each benchmark by its unit, one of each run.
type results map[string]map[string][]float64

// measure runs all groups and adds what it finds to all. It returns the processor's name.
func measure(ctx context.Context, count int, all results) (cpu string, err error) {
	for _, g := range groups {
		fmt.Fprintf(os.Stderr, "running %s\n", g.pattern)
		cmd := exec.CommandContext(ctx, "go", "test", g.pkg, "-run", "^$", "-bench", g.pattern, "-benchtime", g.time,
			"-count", strconv.Itoa(count))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("%s: %w\n%s", g.pattern, err, out)
		}
		found, name, err := parse(out)
		if err != nil {
			return "", fmt.Errorf("%s: %w", g.pattern, err)
		}
		if len(found) == 0 {
			return "", fmt.Errorf("%s: no benchmark ran\n%s", g.pattern, out)
		}
		cpu = name
		for bench, units := range found {
			if all[bench] == nil {
				all[bench] = make(map[string][]float64)
			}
			for unit, values := range units {
				all[bench][unit] = append(all[bench][unit], values...)
			}
		}
	}
	return cpu, nil
}

// parse reads the output of go test -bench.
func parse(out []byte) (results, string, error) {
	found := make(results)
	cpu := ""
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "cpu: "); ok {
			cpu = name
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i] // the number of cores
		}
		if found[name] == nil {
			found[name] = make(map[string][]float64)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, "", fmt.Errorf("%q is not understood: %w", line, err)
			}
			found[name][fields[i+1]] = append(found[name][fields[i+1]], v)
		}
	}
	return found, cpu, lines.Err()
}

// values are what a benchmark has measured of one of its contenders, one value of each run.
func (r results) values(bench, contender, unit string) []float64 {
	if contender != "" {
		unit = contender + "-" + unit
	}
	return r[bench][unit]
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}

// A row is one line of the table.
type row struct {
	what      string
	bench     string
	contender string // whose figure it is; none if the benchmark has but one
	unit      string
	compare   comparison
	to        string  // the contender of the same benchmark that it is compared with
	limit     float64 // what the comparison, or the figure itself, may be at most; 0 if it may be anything
}

type comparison uint8

const (
	alone comparison = iota
	ratio            // how many times as much as the other
	extra            // how much more than the other
)

var table = []row{
	{what: "encoding/json decodes a recorded event", bench: "Recorded", contender: "reflection", unit: "ns/op"},
	{what: "  allocations", bench: "Recorded", contender: "reflection", unit: "allocs/op"},
	{what: "decode it here", bench: "Recorded", contender: "decode", unit: "ns/op", compare: ratio, to: "reflection"},
	{what: "  allocations", bench: "Recorded", contender: "decode", unit: "allocs/op"},
	{what: "decode and dispatch it", bench: "Recorded", contender: "dispatch", unit: "ns/op", compare: ratio, to: "reflection", limit: 0.5},
	{what: "  allocations", bench: "Recorded", contender: "dispatch", unit: "allocs/op", limit: 5},
	{what: "encoding/json decodes a DTMF event", bench: "Dispatch", contender: "reflection", unit: "ns/op"},
	{what: "decode and dispatch it, 1 subscription", bench: "Dispatch", contender: "subscriptions=1", unit: "ns/op", compare: ratio, to: "reflection", limit: 0.5},
	{what: "  1,000 subscriptions", bench: "Dispatch", contender: "subscriptions=1000", unit: "ns/op", compare: ratio, to: "subscriptions=1", limit: 1.1},
	{what: "  10,000 subscriptions", bench: "Dispatch", contender: "subscriptions=10000", unit: "ns/op", compare: ratio, to: "subscriptions=1", limit: 1.1},
	{what: "  1 subscription each to two Asterisks of one client", bench: "Dispatch", contender: "two-sessions", unit: "ns/op", compare: ratio, to: "subscriptions=1", limit: 1.1},
	{what: "  to a handler, each event on a goroutine of its own", bench: "Dispatch", contender: "handler", unit: "ns/op", compare: ratio, to: "reflection", limit: 1.5},
	{what: "  to one handler of all events", bench: "Dispatch", contender: "catch-all", unit: "ns/op", compare: ratio, to: "reflection", limit: 1.5},
	{what: "  that nobody wants", bench: "Dispatch", contender: "unwanted", unit: "ns/op"},
	{what: "read frames from a socket, do nothing", bench: "EndToEnd", contender: "read-only", unit: "ns/op"},
	{what: "read, decode and hand to a handler", bench: "EndToEnd", contender: "handler", unit: "ns/op", compare: ratio, to: "read-only", limit: 1 / 0.6},
	{what: "bare net/http request, 1 at once", bench: "Command/1", contender: "bare", unit: "ns/op"},
	{what: "Channel.Answer, 1 at once", bench: "Command/1", contender: "answer", unit: "ns/op", compare: ratio, to: "bare", limit: 1.08},
	{what: "  allocations more", bench: "Command/1", contender: "answer", unit: "allocs/op", compare: extra, to: "bare", limit: 3},
	{what: "bare net/http request, 32 at once", bench: "Command/32", contender: "bare", unit: "ns/op"},
	{what: "Channel.Answer, 32 at once", bench: "Command/32", contender: "answer", unit: "ns/op", compare: ratio, to: "bare", limit: 1.08},
	{what: "bare net/http request, 256 at once", bench: "Command/256", contender: "bare", unit: "ns/op"},
	{what: "Channel.Answer, 256 at once", bench: "Command/256", contender: "answer", unit: "ns/op", compare: ratio, to: "bare", limit: 1.08},
	{what: "GET of a channel by HTTP, p50", bench: "Transports", contender: "HTTP", unit: "p50-µs"},
	{what: "  p99", bench: "Transports", contender: "HTTP", unit: "p99-µs"},
	{what: "  by WithCommands(CommandsAuto), p99", bench: "Transports", contender: "auto", unit: "p99-µs", compare: ratio, to: "HTTP", limit: 1.2},
	{what: "  over the event websocket, p50", bench: "Transports", contender: "event-socket", unit: "p50-µs", compare: ratio, to: "HTTP"},
	{what: "  the program's own CPU time", bench: "Transports", contender: "event-socket", unit: "own-cpu-µs", compare: ratio, to: "HTTP"},
	{what: "  while events come, p99", bench: "Transports", contender: "event-socket", unit: "loaded-p99-µs", compare: ratio, to: "HTTP"},
	{what: "SetVariable over a command websocket, p50", bench: "Transports", contender: "command-socket-set", unit: "p50-µs", compare: ratio, to: "HTTP-set"},
	{what: "  while events come, p99", bench: "Transports", contender: "command-socket-set", unit: "loaded-p99-µs", compare: ratio, to: "HTTP-set"},
	{what: "memory of an idle subscription", bench: "Memory/subscription", unit: "B/subscription", limit: 320},
	{what: "memory of a live call with a waiting handler", bench: "Memory/call", unit: "B/call", limit: 5 * 1024},
	{what: "aritest: an Asterisk and a connected client for one test, in memory", bench: "TestStart/memory", unit: "ns/op"},
	{what: "  by TCP", bench: "TestStart/tcp", unit: "ns/op"},
	{what: "aritest, 10,000 calls at once: one comes in and is answered", bench: "TenThousandCalls", contender: "answered", unit: "ns/call"},
	{what: "  one is there, both sides of it", bench: "TenThousandCalls", unit: "B/call", limit: 16 * 1024},
	{what: "  one is hung up", bench: "TenThousandCalls", contender: "hungup", unit: "ns/call"},
	{what: "bare read of 20 ms of audio from a websocket", bench: "Frame", contender: "bare-read", unit: "ns/op"},
	{what: "Stream.ReadFrame, with all before it: more", bench: "Frame", contender: "read", unit: "ns/op", compare: extra, to: "bare-read"},
	{what: "  allocations", bench: "Frame", contender: "read", unit: "allocs/op", limit: 0.1},
	{what: "bare write of 20 ms of audio to a websocket", bench: "Frame", contender: "bare-write", unit: "ns/op"},
	{what: "Stream.WriteFrame, with all behind it", bench: "Frame", contender: "write", unit: "ns/op", compare: ratio, to: "bare-write", limit: 1.8},
	{what: "  allocations", bench: "Frame", contender: "write", unit: "allocs/op", limit: 0.1},
}

// report prints the table as Markdown and returns how many limits are exceeded by more than the noise.
func report(w io.Writer, r results, noise float64) (failed int) {
	fmt.Fprintln(w, "| what | figure | ratio | limit |")
	fmt.Fprintln(w, "|---|---:|---:|---:|")
	for _, row := range table {
		values := r.values(row.bench, row.contender, row.unit)
		if row.compare != alone {
			others := r.values(row.bench, row.to, row.unit)
			values = values[:min(len(values), len(others))]
		}
		if len(values) == 0 {
			fmt.Fprintf(w, "| %s | not measured | | |\n", row.what)
			failed++
			continue
		}
		shown := median(values)
		compared, text := row.compared(r, values)
		if row.compare == extra {
			shown = compared
		}
		limit, mark := "", ""
		if row.limit > 0 {
			limit = strconv.FormatFloat(row.limit, 'f', -1, 64)
			if row.limit != float64(int(row.limit)) {
				limit = fmt.Sprintf("%.2f", row.limit)
			}
			if compared > row.limit*(1+noise) {
				failed++
				mark = " (exceeded)"
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s%s |\n", row.what, figure(shown, row.unit), text, limit, mark)
	}
	return failed
}

// compared returns the figure that the row's limit is for, and the ratio as text if it is one. It is the median of all runs'
// own comparisons: what slows one run slows both sides.
func (row row) compared(r results, values []float64) (float64, string) {
	if row.compare == alone {
		return median(values), ""
	}
	others := r.values(row.bench, row.to, row.unit)
	list := make([]float64, len(values))
	for i, v := range values {
		if row.compare == extra {
			list[i] = v - others[i]
		} else {
			list[i] = v / others[i]
		}
	}
	m := median(list)
	if row.compare == extra {
		return m, ""
	}
	return m, fmt.Sprintf("%.2f", m)
}

func figure(v float64, unit string) string {
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "/op"), "/call")
	switch {
	case unit == "ns" && v >= 10_000:
		return fmt.Sprintf("%.1f µs", v/1000)
	case unit == "ns":
		return fmt.Sprintf("%.0f ns", v)
	case strings.HasSuffix(unit, "µs"):
		return fmt.Sprintf("%.0f µs", v)
	case unit == "B", strings.HasPrefix(unit, "B/"):
		return fmt.Sprintf("%.0f B", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}
