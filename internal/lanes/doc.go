// Package lanes has bounded queues: [Queue] for a consumer that fetches, and [Lanes] for one that is called, in order per
// key and side by side across keys. Queues that share a [Budget] are fair to each other: one whose consumer doesn't
// keep up costs the others nothing.
//
// A task is either vital or may be lost. What may be lost is thrown away when its queue is full; a vital task never is.
// A consumer that falls behind is told of once, then, while vital tasks pile up, at each doubling, and once more when
// it is over, in whatever way it comes to be over. See [Report].
//
// Each task that was offered is either handed to its consumer or to the owner's Drop, exactly once. So whoever must know
// when a task is done with, because something has to be acknowledged, say, needs nothing but these two places.
package lanes
