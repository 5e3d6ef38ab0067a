package media

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// A Network is where this program listens for what Asterisk sends by AudioSocket and RTP.
type Network interface {
	// Host is the address of this program as the Asterisk at that host reaches it.
	Host(ctx context.Context, asterisk string) (string, error)

	// Listen and ListenPacket open a port for TCP and UDP, as those of package net do.
	Listen(ctx context.Context, address string) (net.Listener, error)
	ListenPacket(ctx context.Context, address string) (net.PacketConn, error)
}

// networkOf is the network that is to be used.
func networkOf(n Network, client *http.Client) Network {
	if n != nil {
		return n
	}
	if n, ok := client.Transport.(Network); ok {
		return n
	}
	return machine{}
}

// machine is this machine's network.
type machine struct{}

// Host is the address from which this machine reaches Asterisk.
func (machine) Host(ctx context.Context, asterisk string) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", net.JoinHostPort(asterisk, "9")) // It sends nothing.
	if err != nil {
		return "", err
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}

func (machine) Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

func (machine) ListenPacket(ctx context.Context, address string) (net.PacketConn, error) {
	var config net.ListenConfig
	return config.ListenPacket(ctx, "udp", address)
}

// localHost is the address at which Asterisk reaches this program, with a port of 0.
func (w *wiring) localHost(ctx context.Context) (string, error) {
	host := w.opts.Host
	if host == "" {
		base, err := url.Parse(w.base())
		if err != nil {
			return "", fmt.Errorf("media: ARI's URL: %w", err)
		}
		if host, err = w.opts.Network.Host(ctx, base.Hostname()); err != nil {
			return "", fmt.Errorf("media: the way to Asterisk: %w", err)
		}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return "", fmt.Errorf("media: Host must be an address: %w", err)
	}
	return netip.AddrPortFrom(addr, 0).String(), nil
}

// A udpConn is a socket for datagrams that needs no memory for their addresses.
type udpConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// A plainPacketConn is one that needs some.
type plainPacketConn struct{ net.PacketConn }

func (c plainPacketConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.ReadFrom(b)
	if err != nil {
		return n, netip.AddrPort{}, err
	}
	addr, err := netip.ParseAddrPort(from.String())
	return n, addr, err
}

func (c plainPacketConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(to))
}
