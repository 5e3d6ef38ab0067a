package asterisk_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/test/asterisk"
	"github.com/ari-go/ari/test/asterisk/internal/plain"
)

// An Asterisk starts, serves, and leaves nothing behind.
func TestStart(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		var inst *asterisk.Instance
		var pid int
		t.Run("running", func(t *testing.T) {
			begin := time.Now()
			inst = asterisk.Start(t, asterisk.Options{Version: version, Own: true})
			t.Logf("Asterisk %s took %s to start", inst.Version, time.Since(begin).Round(time.Millisecond))
			pid = inst.PID()
			assert.True(t, strings.HasPrefix(inst.Version, version+"."), inst.Version)

			out, err := inst.CLI(t.Context(), "core show version")
			require.NoError(t, err)
			assert.Contains(t, out, "Asterisk "+inst.Version)

			status, body := plain.Do(t, inst, http.MethodGet, "/asterisk/info")
			assert.Equal(t, http.StatusOK, status)
			assert.Contains(t, body, inst.EntityID)
			status, body = plain.Do(t, inst, http.MethodGet, "/sounds")
			assert.Equal(t, http.StatusOK, status)
			assert.Contains(t, body, `"hello-world"`)
			status, _ = plain.Do(t, inst, http.MethodGet, "/endpoints/PJSIP/alice")
			assert.Equal(t, http.StatusOK, status)
			status, _ = plain.Do(t, inst, http.MethodGet, "/api-docs/resources.json")
			assert.Equal(t, http.StatusOK, status)
		})
		if inst == nil {
			t.Skip("nothing was started")
		}
		requireGone(t, pid, inst)
	})
}

// What Asterisk finds wrong with its configuration is in its log.
func TestCleanLog(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		log, err := os.ReadFile(inst.Log())
		require.NoError(t, err)
		for line := range strings.Lines(string(log)) {
			assert.NotRegexp(t, `(WARNING|ERROR)\[`, line)
		}
	})
}

// Nothing but the loopback address is listened on.
func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		ari := plain.Connect(t, inst, "loopback")
		// Media are opened as well.
		ari.Do(http.MethodPost, "/channels/externalMedia?app=loopback&external_host=127.0.0.1:9&format=ulaw")
		ari.Await("StasisStart")
		_, port, err := net.SplitHostPort(inst.SIPAddr)
		require.NoError(t, err)
		addresses := listening(t, inst.PID())
		assert.GreaterOrEqual(t, len(addresses), 4)
		assert.Contains(t, addresses, "127.0.0.1:"+port)
		for _, address := range addresses {
			// SIP's resolver asks name servers from ports that the system chooses; nothing is served there.
			if _, port, err := net.SplitHostPort(address); err != nil || len(port) == 5 && port >= "32768" {
				continue
			}
			assert.Regexp(t, `^127\.0\.0\.1:`, address)
		}
	})
}

// listening lists the addresses of a process's sockets that wait for others.
func listening(t *testing.T, pid int) []string {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	inodes := make(map[string]bool)
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue // It was closed meanwhile.
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	const tcpListen, udpUnconnected, ipv4Length = "0A", "07", 8
	var addresses []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue // There is no IPv6 here.
		}
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			if len(fields) < 10 || !inodes[fields[9]] || fields[3] != tcpListen && fields[3] != udpUnconnected {
				continue
			}
			address, port, _ := strings.Cut(fields[1], ":")
			number, err := strconv.ParseUint(port, 16, 16)
			require.NoError(t, err)
			if len(address) == ipv4Length {
				raw, err := hex.DecodeString(address)
				require.NoError(t, err)
				address = net.IPv4(raw[3], raw[2], raw[1], raw[0]).String()
			}
			addresses = append(addresses, net.JoinHostPort(address, strconv.FormatUint(number, 10)))
		}
	}
	return addresses
}

func TestTLSAndUsers(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: inst.CAPool, MinVersion: tls.VersionTLS12}}}
		defer client.CloseIdleConnections()
		do := func(method, base, path, user, password string) int {
			req, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
			require.NoError(t, err)
			req.SetBasicAuth(user, password)
			resp, err := client.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			return resp.StatusCode
		}
		assert.Equal(t, http.StatusOK, do(http.MethodGet, inst.TLSURL, "/asterisk/info", inst.Username, inst.Password))
		assert.Equal(t, http.StatusUnauthorized, do(http.MethodGet, inst.TLSURL, "/asterisk/info", inst.Username, "wrong"))
		assert.Equal(t, http.StatusOK, do(http.MethodGet, inst.URL, "/bridges", inst.ReadOnlyUsername, inst.ReadOnlyPassword))
		assert.Equal(t, http.StatusForbidden, do(http.MethodPost, inst.URL, "/bridges", inst.ReadOnlyUsername, inst.ReadOnlyPassword))
	})
}

// Stopped, killed and frozen Asterisks look to a client as they should, and come back at the same place.
func TestLife(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		ari := plain.Connect(t, inst, "life")

		require.NoError(t, inst.Freeze())
		_, err := ping(t, inst, 200*time.Millisecond)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, inst.Thaw())
		status, err := ping(t, inst, 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)

		first := inst.PID()
		require.NoError(t, inst.Stop())
		require.Error(t, ari.AwaitEnd())
		requireGone(t, first, inst)
		require.NoError(t, inst.Stop(), "twice does no harm")
		require.NoError(t, inst.Restart(t.Context()))
		require.NotEqual(t, first, inst.PID())
		ari = plain.Connect(t, inst, "life")

		second := inst.PID()
		require.NoError(t, inst.Freeze())
		require.NoError(t, inst.Kill())
		require.Error(t, ari.AwaitEnd())
		requireGone(t, second, inst)
		require.NoError(t, inst.Restart(t.Context()))

		third := inst.PID()
		require.NoError(t, inst.Restart(t.Context()), "while it runs")
		require.NotEqual(t, third, inst.PID())
	})
}

func ping(t *testing.T, inst *asterisk.Instance, timeout time.Duration) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, inst.URL+"/asterisk/ping", nil)
	require.NoError(t, err)
	req.SetBasicAuth(inst.Username, inst.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// alive tells whether a process runs; one that only waits to be taken note of by its parent doesn't.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// The state comes after the name, which is in parentheses and may hold anything.
	state := strings.TrimSpace(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// requireGone waits until nothing is left of an instance: no process, no port.
func requireGone(t *testing.T, pid int, inst *asterisk.Instance) {
	t.Helper()
	require.NotZero(t, pid)
	u, err := url.Parse(inst.URL)
	require.NoError(t, err)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.False(c, alive(pid))
		l, err := net.Listen("tcp4", u.Host)
		if assert.NoError(c, err) {
			assert.NoError(c, l.Close())
		}
		conn, err := net.ListenPacket("udp4", inst.SIPAddr)
		if assert.NoError(c, err) {
			assert.NoError(c, conn.Close())
		}
	}, 10*time.Second, 10*time.Millisecond)
}

const childEnv = "ARI_TEST_CHILD"

// TestChild is what the following test runs in a process of its own, to see it die.
func TestChild(t *testing.T) {
	death := os.Getenv(childEnv)
	if death == "" {
		t.Skip("it is run by TestDeathOfTheTests")
	}
	inst := asterisk.Start(t, asterisk.Options{
		Dialplan: "[default](+)\nexten = 3000,1,System(echo $$ > ${ASTLOGDIR}/program && exec sleep 600)\n",
	})
	// What Asterisk has started must go with it.
	status, body := plain.Do(t, inst, http.MethodPost, "/channels?endpoint=Local/3000@default&extension=1011&context=default&priority=1")
	require.Equal(t, http.StatusOK, status, body)
	var program int
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(filepath.Join(inst.Dir, "log/program"))
		if err == nil {
			program, err = strconv.Atoi(strings.TrimSpace(string(data)))
		}
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	data, err := json.Marshal(map[string]any{"pid": inst.PID(), "program": program, "url": inst.URL, "sip_addr": inst.SIPAddr, "dir": inst.Dir})
	require.NoError(t, err)
	fmt.Printf("child: %s\n", data)
	switch death {
	case "panic":
		panic("as planned")
	case "panic elsewhere":
		go panic("as planned")
	case "exit":
		os.Exit(3)
	}
	select {}
}

// However the tests end, no Asterisk outlives them.
func TestDeathOfTheTests(t *testing.T) {
	t.Parallel()
	asterisk.Require(t, asterisk.Versions()[0])
	for _, death := range []string{"panic", "panic elsewhere", "exit", "kill"} {
		t.Run(death, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), childEnv+"="+death, asterisk.ExternalEnv+"=", "TMPDIR="+t.TempDir())
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			require.NoError(t, cmd.Start())
			var child struct {
				PID     int    `json:"pid"`
				Program int    `json:"program"`
				URL     string `json:"url"`
				SIPAddr string `json:"sip_addr"`
				Dir     string `json:"dir"`
			}
			lines := bufio.NewScanner(stdout)
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "child: "); ok {
					require.NoError(t, json.Unmarshal([]byte(data), &child))
					break
				}
			}
			if death == "kill" {
				require.True(t, alive(child.PID), "it lives until then")
				require.True(t, alive(child.Program), "it lives until then")
				require.NoError(t, cmd.Process.Kill())
			}
			_, err = io.Copy(io.Discard, stdout)
			require.NoError(t, err)
			require.Error(t, cmd.Wait())
			requireGone(t, child.PID, &asterisk.Instance{URL: child.URL, SIPAddr: child.SIPAddr})
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				assert.False(c, alive(child.Program))
			}, 10*time.Second, 10*time.Millisecond)
			require.DirExists(t, filepath.Join(child.Dir, "log"), "what happened can be read")
		})
	}
}

// Several instances of several versions share nothing.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	instances := make(map[string]*asterisk.Instance)
	for _, version := range []string{"22", "16", "22"} {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		require.NotContains(t, instances, inst.EntityID)
		instances[inst.EntityID] = inst
	}
	for id, inst := range instances {
		ari := plain.Connect(t, inst, "hello")
		ari.Do(http.MethodPost, "/channels?endpoint=Local/1011@default&app=hello&channelId="+url.QueryEscape(id))
		require.Equal(t, id, ari.Await("StasisStart").Channel.ID)
	}
	for _, inst := range instances {
		status, body := plain.Do(t, inst, http.MethodGet, "/channels")
		require.Equal(t, http.StatusOK, status)
		for id, other := range instances {
			if other != inst {
				require.NotContains(t, body, id)
			}
		}
	}
}

// What options add to the configuration is there.
func TestOptions(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{
			Version:      version,
			SessionLimit: 3,
			ChannelVars:  []string{"GREETING", "OTHER"},
			Dialplan:     "[default](+)\nexten = 2000,1,Stasis(added,${EXTEN})\n",
			PJSIP:        "[added](phone)\n",
			Files:        map[string]string{"acl.conf": "[added]\npermit = 127.0.0.1\n"},
		})
		ari := plain.Connect(t, inst, "added")
		ari.Do(http.MethodPost, "/channels?endpoint=Local/2000@default&extension=1011&context=default&priority=1")
		require.Equal(t, []string{"2000"}, ari.Await("StasisStart").Args)
		require.Contains(t, ari.Do(http.MethodGet, "/channels"), `"GREETING"`)
		ari.Do(http.MethodGet, "/endpoints/PJSIP/added")
		out, err := inst.CLI(t.Context(), "http show status")
		require.NoError(t, err)
		require.Contains(t, out, "Enabled")
		out, err = inst.CLI(t.Context(), "acl show")
		require.NoError(t, err)
		require.Contains(t, out, "added")
	})
}

// Configuration can be made through ARI, in memory.
func TestDynamicConfiguration(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		for _, kind := range []string{"aor", "endpoint"} {
			path := "/asterisk/config/dynamic/res_pjsip/" + kind + "/made"
			status, body := plain.Do(t, inst, http.MethodPut, path)
			require.Equal(t, http.StatusOK, status, "%s: %s", kind, body)
			status, _ = plain.Do(t, inst, http.MethodGet, path)
			require.Equal(t, http.StatusOK, status, kind)
			status, _ = plain.Do(t, inst, http.MethodDelete, path)
			require.Equal(t, http.StatusNoContent, status, kind)
		}
	})
}

// The dialplan's extensions do what they are for, as far as no telephone is needed to see it.
func TestDialplan(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		ari := plain.Connect(t, inst, "hello,far")
		originate := func(extension string) {
			ari.Do(http.MethodPost, "/channels?app=far&endpoint=Local/"+url.PathEscape(extension)+"@default")
		}
		t.Run("refused", func(t *testing.T) {
			for extension, cause := range map[string]int{"19017": 17, "19021": 21, "19001": 1} {
				ari.Do(http.MethodPost, "/channels?app=far&channelId="+extension+"&endpoint=Local/"+extension+"@default")
				for {
					if ev := ari.Await("ChannelDestroyed"); ev.Channel.ID == extension {
						assert.Equal(t, cause, ev.Cause, extension)
						break
					}
				}
			}
		})
		t.Run("into applications", func(t *testing.T) {
			for extension, args := range map[string][]string{
				"1000": {}, "1001": {"one", "two three", "4"}, "1002": {}, "1003": {}, "1004": {}, "app-hello": {}, "args-hello": {"one", "two three", "4"},
			} {
				originate(extension)
				start := ari.Await("StasisStart")
				require.Equal(t, args, start.Args, extension)
				ari.Do(http.MethodDelete, "/channels/"+start.Channel.ID)
				ari.Await("StasisEnd")
			}
		})
		t.Run("answered", func(t *testing.T) {
			for _, extension := range []string{"1010", "1011", "1017", "1018", "1020", "1021", "1023", "1024", "1025", "1026", "1027"} {
				originate(extension)
				start := ari.Await("StasisStart")
				require.Equal(t, "Up", start.Channel.State, extension)
				plain.Do(t, inst, http.MethodDelete, "/channels/"+start.Channel.ID)
				ari.Await("StasisEnd")
			}
		})
		t.Run("let go", func(t *testing.T) {
			// Only the Local channel's far end has a dialplan of its own to go on in, with its hangup extension.
			ari.Do(http.MethodPost, "/channels?app=hello&channelId=near&otherChannelId=gone&endpoint=Local/app-far@default")
			for ari.Await("StasisStart").Channel.ID != "gone" {
				// The other one is none of our business.
			}
			ari.Do(http.MethodPost, "/applications/far/subscription?eventSource=channel:gone")
			ari.Do(http.MethodPost, "/channels/gone/continue?context=target&extension=s&label=label")
			require.Equal(t, "label", ari.Await("ChannelUserevent").Userevent["Where"])
			ari.Do(http.MethodDelete, "/channels/gone")
			// Both applications hear of it, so the label's event comes twice.
			for ari.Await("ChannelUserevent").Userevent["Where"] != "h" {
				// Waiting is all there is to do.
			}
		})
		t.Run("broadcast", func(t *testing.T) {
			if version == "16" {
				t.Skip("Asterisk 16 has no StasisBroadcast")
			}
			claim := func(extension string) {
				originate(extension)
				call := ari.Await("CallBroadcast").Channel.ID
				ari.Do(http.MethodPost, "/events/claim?channelId="+url.QueryEscape(call)+"&application=hello")
			}
			claim("1030")
			require.Empty(t, ari.Await("StasisStart").Args)
			claim("bcast-hello")
			// Asterisk sends these two from two threads, in any order.
			seen := ari.AwaitAll("CallClaimed", "StasisStart")
			require.Equal(t, []string{"one", "two"}, seen["StasisStart"].Args)
		})
	})
}

// An Asterisk that runs elsewhere is used when the environment names it.
func TestExternal(t *testing.T) {
	inst := asterisk.Start(t, asterisk.Options{Own: true})
	u, err := url.Parse(inst.URL)
	require.NoError(t, err)
	u.User = url.UserPassword(inst.Username, inst.Password)
	t.Setenv(asterisk.ExternalEnv, u.String())

	external := asterisk.Start(t, asterisk.Options{})
	require.True(t, external.External)
	require.Equal(t, inst.URL, external.URL)
	require.Equal(t, inst.Version, external.Version)
	require.Equal(t, inst.Password, external.Password)
	require.Error(t, external.Kill())
	status, _ := plain.Do(t, external, http.MethodGet, "/asterisk/ping")
	require.Equal(t, http.StatusOK, status)

	require.Equal(t, "skipped", verdict(t, func(tb testing.TB) { asterisk.Start(tb, asterisk.Options{Own: true}) }))
	require.Equal(t, "skipped", verdict(t, func(tb testing.TB) { asterisk.Start(tb, asterisk.Options{Version: "16"}) }))
}

// Without any Asterisk tests are skipped, or fail where it is required.
func TestRequire(t *testing.T) {
	t.Setenv(asterisk.ExternalEnv, "")
	t.Setenv(asterisk.CacheEnv, t.TempDir())
	_, err := asterisk.Lookup("22")
	require.ErrorIs(t, err, asterisk.ErrNotInstalled)
	t.Setenv(asterisk.RequireEnv, "")
	require.Equal(t, "skipped", verdict(t, func(tb testing.TB) { asterisk.Start(tb, asterisk.Options{}) }))
	t.Setenv(asterisk.RequireEnv, "1")
	require.Equal(t, "failed", verdict(t, func(tb testing.TB) { asterisk.Start(tb, asterisk.Options{}) }))
}

// recorder is a test whose end can be looked at.
type recorder struct {
	testing.TB

	end string
}

func (r *recorder) Skip(...any)          { r.end = "skipped"; runtime.Goexit() }
func (r *recorder) Skipf(string, ...any) { r.Skip() }
func (r *recorder) Fatal(...any)         { r.end = "failed"; runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) {
	r.Fatal()
}

func verdict(t *testing.T, test func(testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t, end: "passed"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r.end
}
