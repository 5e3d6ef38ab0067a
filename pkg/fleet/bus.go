package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A BusOption changes how the streams are made.
type BusOption func(*busConfig)

type busConfig struct {
	replicas int
	storage  jetstream.StorageType
}

// WithReplicas keeps each stream on so many servers of a NATS cluster; the default is 1.
func WithReplicas(n int) BusOption { return func(c *busConfig) { c.replicas = n } }

// WithFiles keeps the streams in files, which outlive the NATS server; the default is memory.
func WithFiles() BusOption { return func(c *busConfig) { c.storage = jetstream.FileStorage } }

// Prepare makes the streams and the bucket, or brings them in line with the options. It has to be called once for each bus, before
// gateways and workers start; another time does no harm.
func Prepare(ctx context.Context, nc *nats.Conn, opts ...BusOption) error {
	cfg := busConfig{replicas: 1, storage: jetstream.MemoryStorage}
	for _, opt := range opts {
		opt(&cfg)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	for _, stream := range []jetstream.StreamConfig{
		{
			Name: offerStream, Subjects: []string{"ari1.offer.*.*"}, Retention: jetstream.WorkQueuePolicy,
			Storage: cfg.storage, Replicas: cfg.replicas,
		},
		{
			Name: eventStream, Subjects: []string{"ari1.event.*.*.*"}, MaxAge: eventsKept, AllowDirect: true,
			Storage: cfg.storage, Replicas: cfg.replicas,
		},
	} {
		if _, err := js.CreateOrUpdateStream(ctx, stream); err != nil {
			return fmt.Errorf("fleet: stream %s: %w", stream.Name, err)
		}
	}
	if _, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: stateBucket, Storage: cfg.storage, Replicas: cfg.replicas, TTL: eventsKept,
	}); err != nil {
		return fmt.Errorf("fleet: bucket %s: %w", stateBucket, err)
	}
	return nil
}

// A Bus is a NATS server within this program, for one machine and for tests.
type Bus struct {
	server *server.Server
}

// startTimeout is how long a NATS server may take to start.
const startTimeout = 10 * time.Second

// StartBus starts a NATS server with JetStream that listens on a TCP address and port; 0 is a free one. dir is
// where it keeps its files. It has no users: who reaches the address may do everything.
func StartBus(host string, port int, dir string) (*Bus, error) {
	if port == 0 {
		port = server.RANDOM_PORT
	}
	srv, err := server.NewServer(&server.Options{
		Host: host, Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		srv.Shutdown()
		return nil, errors.New("fleet: the NATS server did not start in time")
	}
	return &Bus{server: srv}, nil
}

// URL is where clients find it.
func (b *Bus) URL() string { return b.server.ClientURL() }

// Close ends it.
func (b *Bus) Close() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}
