//go:build linux

package quickack

import "syscall"

func acknowledge(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
}
