import { manyMayListen } from './aborts.js'
import { EndedError } from './errors.js'

/** A channel's being in one application. */
export interface Call {
  readonly application: string
  readonly channel: string
  /** The channel as it was when it came; undefined if that isn't known. */
  readonly snapshot: object | undefined
  /** The time of its StasisStart; undefined if that was made up. */
  readonly at: string | undefined
  readonly signal: AbortSignal
}

interface Stay extends Call {
  at: string | undefined
  readonly life: AbortController
  connection: number // in which it was last told of
}

// How many of those that have ended are remembered.
const remembered = 1000

/** Calls knows which channels are in which application, as far as events and comparisons tell, and tells when they end. */
export class Calls {
  private readonly live = new Map<string, Map<string, Stay>>() // by application and channel
  private readonly waiting = new Map<string, { all: Set<(error: EndedError) => void>; seen: boolean }>() // by channel
  private readonly ended = new Map<string, EndedError>() // by channel, the oldest first
  private readonly owed = new Set<string>() // the ends that were made up on this connection
  private left: Set<string> | undefined // what has left or ended since a comparison began
  private connection = 0

  /** A new connection begins: all that is known becomes older than it. */
  connected(): void {
    this.connection++
    this.left = undefined
    this.owed.clear()
  }

  /** Whether a StasisStart of this time is one of a call that is known. It comes twice where an application is subscribed twice. */
  repeats(call: Call, at: string | undefined): boolean {
    const stay = call as Stay
    if ((at === undefined || stay.at !== at) && (stay.at !== undefined || stay.connection !== this.connection)) return false
    stay.at = at
    stay.connection = this.connection
    return true
  }

  get(application: string, channel: string): Call | undefined {
    return this.live.get(application)?.get(channel)
  }

  begin(application: string, channel: string, snapshot?: object, at?: string): void {
    const calls = this.live.get(application) ?? new Map<string, Stay>()
    this.live.set(application, calls)
    this.ended.delete(channel)
    this.owed.delete(key(application, channel))
    if (calls.has(channel)) return
    const life = manyMayListen()
    calls.set(channel, { application, channel, snapshot, at, life, signal: life.signal, connection: this.connection })
  }

  /** All calls, or those that were last told of in an earlier connection. */
  list(earlier = false): Call[] {
    return [...this.live.values()].flatMap((calls) => [...calls.values()]).filter((stay) => !earlier || stay.connection < this.connection)
  }

  /** Whether a channel is in any of the applications. */
  has(channel: string): boolean {
    return [...this.live.values()].some((calls) => calls.has(channel))
  }

  /** How a channel has ended that was here, if it is not here any more and that is remembered. */
  endOf(channel: string): EndedError | undefined {
    return this.ended.get(channel)
  }

  /** Calls f once, when the channel leaves any of the applications or is destroyed. */
  onEnd(channel: string, f: (error: EndedError) => void): () => void {
    const wait = this.waiting.get(channel) ?? { all: new Set(), seen: false }
    this.waiting.set(channel, wait)
    wait.all.add(f)
    if (this.has(channel)) wait.seen = true
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

  /** A comparison begins: what is asked for from now on may be older than what events tell. */
  compare(): void {
    this.left = new Set()
  }

  /** Whether an event has told since then that the channel has left an application, or ended. */
  hasLeft(channel: string): boolean {
    return this.left?.has(channel) ?? false
  }

  /** The channel has left an application. Owed says that Asterisk may still tell of it. */
  end(application: string, channel: string, error: EndedError, owed = false): void {
    if (owed) this.owed.add(key(application, channel))
    else this.left?.add(channel)
    const calls = this.live.get(application)
    const call = calls?.get(channel)
    calls?.delete(channel)
    if (calls?.size === 0) this.live.delete(application)
    if (call) this.remember(channel, error)
    call?.life.abort(error)
    // It may have moved on to another application of this client.
    if (!this.has(channel)) this.tell(channel, error)
  }

  /** Takes what was owed, and reports whether it was. */
  paid(application: string, channel: string | undefined): boolean {
    return channel !== undefined && this.owed.delete(key(application, channel))
  }

  /** The channel is gone. */
  destroyed(channel: string, error: EndedError): void {
    this.left?.add(channel)
    this.remember(channel, error)
    for (const application of [...this.live.keys()]) if (this.live.get(application)?.has(channel)) this.end(application, channel, error)
    this.tell(channel, error)
  }

  endAll(error: EndedError): void {
    for (const { application, channel } of this.list()) this.end(application, channel, error)
  }

  private remember(channel: string, error: EndedError): void {
    this.ended.delete(channel)
    this.ended.set(channel, error)
    if (this.ended.size > remembered) this.ended.delete(this.ended.keys().next().value!)
  }

  private tell(channel: string, error: EndedError): void {
    const wait = this.waiting.get(channel)
    this.waiting.delete(channel)
    for (const f of wait?.all ?? []) f(error)
  }
}

const key = (application: string, channel: string) => `${application},${channel}` // No name of an application has a comma.
