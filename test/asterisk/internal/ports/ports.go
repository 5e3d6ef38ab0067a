// Package ports hands out loopback ports that nobody else in this machine's tests will use at the same time.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The blocks lie below the range from which Linux takes ports for outgoing connections (32768 and up), so that no connection of anybody's can sit on a port
// that was found free a moment ago.
const (
	first     = 10000
	blocks    = 44
	blockSize = 500
	// media is the offset from which a block's ports are for media.
	media = 100
)

// Block is a range of ports that its holder has for itself.
type Block struct {
	base int
	lock net.Listener

	mu   sync.Mutex
	free []int
}

// Claim takes a block. Other programs that use this package keep off it until Release or until this program ends.
func Claim() (*Block, error) {
	start := rand.IntN(blocks) //nolint:gosec // Spreads concurrent programs; no secret.
	for i := range blocks {
		base := first + (start+i)%blocks*blockSize
		// An abstract socket is a lock that has the scope of the ports themselves (the network namespace), leaves no file, and ends with its holder.
		lock, err := net.Listen("unix", "@ari-go/ports/"+strconv.Itoa(base)) //nolint:noctx // Returns at once.
		if err != nil {
			continue
		}
		if !unused(base) {
			_ = lock.Close()
			continue
		}
		b := &Block{base: base, lock: lock}
		for port := base; port < base+media; port += 2 {
			b.free = append(b.free, port)
		}
		return b, nil
	}
	return nil, errors.New("ports: all blocks of ports are taken")
}

// unused tells whether no other program sits on one of a block's ports.
func unused(base int) bool {
	for port := base; port < base+blockSize; port++ {
		addr := "127.0.0.1:" + strconv.Itoa(port)
		conn, err := net.ListenPacket("udp4", addr) //nolint:noctx // Returns at once.
		if err != nil {
			return false
		}
		_ = conn.Close()
		if port >= base+media {
			continue
		}
		l, err := net.Listen("tcp4", addr) //nolint:noctx // Returns at once.
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// Take hands out an even port; the odd one after it belongs to it, as RTP wants.
func (b *Block) Take() (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.free) == 0 {
		return 0, fmt.Errorf("ports: no port left in the block from %d", b.base)
	}
	port := b.free[0]
	b.free = b.free[1:]
	return port, nil
}

// Return gives a port back. It goes to the end of the line, so that it is used again as late as possible.
func (b *Block) Return(port int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, port)
}

// Media is the range of ports for media, both ends included.
func (b *Block) Media() (from, to int) { return b.base + media, b.base + blockSize - 1 }

// Release gives the whole block back.
func (b *Block) Release() { _ = b.lock.Close() }
