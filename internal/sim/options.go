package sim

import (
	"time"

	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/resources"
)

// Options are how a simulated Asterisk works.
type Options struct {
	Config pbx.Config
	Users  resources.Users

	Addr         string // TCP address to listen on
	InMemory     bool   // listens on nothing but memory
	TLS          bool   // listens for TLS too
	WriteTimeout time.Duration
	KeepAlive    time.Duration
	SessionLimit int
	Dialplan     []string
	Known        []KnownFault // that it plays
	Outbound     []Outbound
}
