// Package fleet spreads the calls of several Asterisks over several workers, by NATS JetStream, so that a call goes on when
// the worker that handles it dies.
//
// A [Gateway] stands beside each Asterisk and holds its ARI connection. Workers need nothing but NATS. A worker's [Client] has
// the handlers of an [ari.Client], unchanged:
//
//	client, err := fleet.NewClient(nc, "hello")
//	client.OnCall(func(ctx context.Context, start *ari.StasisStart) error {
//		call := client.Call(start)
//		if start.Resumed() { // Another worker has begun with it, and died.
//			...
//		}
//		...
//	})
//	err = client.Run(ctx)
//
// docs/fleet.md has the subjects, the guarantees and what happens when something fails.
package fleet
