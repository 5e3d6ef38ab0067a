package quickack

import (
	"net"
	"syscall"
)

// A Conn is the socket below a connection. The zero value is none.
type Conn struct{ raw syscall.RawConn }

// Of returns the socket below a connection, TLS or not.
func Of(conn net.Conn) Conn {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return Conn{}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return Conn{}
	}
	return Conn{raw}
}

// Now acknowledges what has come. It has to be said again after each message.
func (c Conn) Now() {
	if c.raw != nil {
		acknowledge(c.raw)
	}
}
