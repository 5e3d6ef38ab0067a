import type { EndedError } from './errors.js'

/** Calls knows which channels are in which application, as far as events and comparisons tell, and tells when they end. */
export class Calls {
  private readonly live = new Map<string, Map<string, AbortController>>() // by application and channel
  private readonly waiting = new Map<string, { all: Set<(error: EndedError) => void>; seen: boolean }>() // by channel

  begin(application: string, channel: string): void {
    const calls = this.live.get(application) ?? new Map<string, AbortController>()
    this.live.set(application, calls)
    if (!calls.has(channel)) calls.set(channel, new AbortController())
  }

  of(application: string): string[] {
    return [...(this.live.get(application)?.keys() ?? [])]
  }

  /** The signal that is aborted when the channel leaves the application. */
  signal(application: string, channel: string): AbortSignal | undefined {
    return this.live.get(application)?.get(channel)?.signal
  }

  /** Calls f once, when the channel leaves any of the applications or is destroyed. */
  onEnd(channel: string, f: (error: EndedError) => void): () => void {
    const wait = this.waiting.get(channel) ?? { all: new Set(), seen: false }
    this.waiting.set(channel, wait)
    wait.all.add(f)
    return () => {
      wait.all.delete(f)
      if (wait.all.size === 0 && this.waiting.get(channel) === wait) this.waiting.delete(channel)
    }
  }

  /** An event is about the channel: it exists. */
  see(channel: string): void {
    const wait = this.waiting.get(channel)
    if (wait) wait.seen = true
  }

  /** The channels that somebody waits for and that were there already. One that is about to be made isn't among them. */
  waitedFor(): string[] {
    return [...this.waiting].filter(([, wait]) => wait.seen).map(([channel]) => channel)
  }

  /** The channel has left an application. */
  end(application: string, channel: string, error: EndedError): void {
    const calls = this.live.get(application)
    const call = calls?.get(channel)
    calls?.delete(channel)
    if (calls?.size === 0) this.live.delete(application)
    call?.abort(error)
    // It may have moved on to another application of this client.
    if ([...this.live.values()].some((others) => others.has(channel))) return
    this.tell(channel, error)
  }

  /** The channel is gone. */
  destroyed(channel: string, error: EndedError): void {
    for (const application of [...this.live.keys()]) if (this.live.get(application)?.has(channel)) this.end(application, channel, error)
    this.tell(channel, error)
  }

  endAll(error: EndedError): void {
    for (const application of [...this.live.keys()]) for (const channel of this.of(application)) this.end(application, channel, error)
  }

  private tell(channel: string, error: EndedError): void {
    const wait = this.waiting.get(channel)
    this.waiting.delete(channel)
    for (const f of wait?.all ?? []) f(error)
  }
}
