import { bindEvent, requesterFor } from './ari.js'
import { Commands, type Channel, type Event, type Events, type EventType } from './api.gen.js'
import { AriError, EndedError } from './errors.js'
import { Calls } from './calls.js'
import { Lanes } from './lanes.js'
import { newId, type ConnectionOptions, type Requester } from './request.js'
import { openSocket, type Socket } from './socket.js'

/** An event of a type that isn't described: a newer Asterisk's, or an extra module's. */
export type UnknownEvent = { type: string } & Record<string, unknown>

/** What a handler gets beside its event. */
export interface HandlerContext {
  /**
   * Aborted when the channel that the event is about leaves the application or ends, with an EndedError as its reason; for other events,
   * when the client is closed.
   */
  readonly signal: AbortSignal
}

export type Handler<E> = (event: E, context: HandlerContext) => void | Promise<void>

/** What the connection has been through. */
export interface Connected {
  /** False for the first connection. */
  reconnected: boolean
  /** The ids of the channels of this client that ended, or left the application, while there was no connection. */
  ended: string[]
}

export interface ClientOptions extends ConnectionOptions {
  /** The Stasis application, or several. */
  app: string | string[]
  /** What to subscribe to beside one's own channels, such as `channel:`, `bridge:`, `endpoint:PJSIP/alice`. Made again after each loss. */
  subscriptions?: string[]
  /** Whether to get the events of everything. With Asterisk 20.16 to 22.10 that can lock up when the connection ends: prefer subscriptions. */
  subscribeAll?: boolean
  /** The event types that are wanted. Those that the client itself lives by are added. */
  events?: EventType[]
  /** How often to ask whether Asterisk is still there, in milliseconds: 10,000 if not given. */
  keepalive?: number
  /** The longest time between two attempts to reconnect, in milliseconds: 10,000 if not given. */
  maxBackoff?: number
  onConnected?: (connected: Connected) => void
  /** A loss of the connection, and each attempt to come back that failed. */
  onDisconnected?: (reason: Error) => void
  /** Errors of handlers, and what else there is nobody to tell. By default they are written to the console. */
  onError?: (error: unknown, event?: Event | UnknownEvent) => void
}

/** What to wait for. */
export interface WaitOptions<E> {
  /** Only events about this channel. The wait ends with an EndedError when the channel does. */
  channel?: string
  match?: (event: E) => boolean
  signal?: AbortSignal
}

// These the client itself lives by: no filter may hold them back, and no full lane drops them.
const vital = ['StasisStart', 'StasisEnd', 'ChannelDestroyed', 'BridgeDestroyed', 'PlaybackFinished', 'RecordingFinished', 'RecordingFailed', 'Dial']
const needed: string[] = ['StasisStart', 'StasisEnd', 'ChannelDestroyed', 'ApplicationReplaced', 'ApplicationMoveFailed', 'RESTResponse']

// Asterisk may take a connection that comes at once after the end of the one before for that one, and forget it.
const leastBackoff = 100

interface Subscription {
  types: readonly string[] | undefined // undefined: all
  lanes: Lanes
  handler: Handler<never>
}

/** A Client is one or several Stasis applications of an Asterisk: it hands out their events and sends commands. */
export class Client {
  /** All commands. */
  readonly ari: Commands
  /** Resolves when the client has ended: by close, or because another program took the application over. */
  readonly done: Promise<EndedError>

  private readonly requester: Requester
  private readonly apps: string[]
  private readonly subscriptions = new Set<Subscription>()
  private readonly calls = new Calls()
  private readonly made = new Set<string>()
  private readonly life = new AbortController()
  private socket: Socket | undefined
  private state: 'new' | 'connecting' | 'connected' | 'disconnected' | 'closed' = 'new'
  private finish: (error: EndedError) => void = () => {}
  private loop: Promise<void> = Promise.resolve()

  constructor(private readonly options: ClientOptions) {
    this.requester = requesterFor(options)
    this.requester.onMake = (id) => this.made.add(id)
    this.ari = new Commands(this.requester)
    this.apps = [options.app].flat()
    this.done = new Promise((resolve) => (this.finish = resolve))
    if (this.apps.length === 0 || this.apps.some((app) => app === '' || app.includes(','))) throw new TypeError('want the names of applications, without commas')
  }

  /** Whether events flow. */
  get connected(): boolean {
    return this.state === 'connected'
  }

  /**
   * Connects. It resolves when events flow, and rejects if Asterisk can't be reached or refuses. Every loss after that is repaired.
   */
  async connect(): Promise<void> {
    if (this.state !== 'new') throw new Error('connect is called once')
    this.state = 'connecting'
    try {
      const socket = await this.open()
      await this.subscribe(false)
      this.life.signal.throwIfAborted()
      this.up({ reconnected: false, ended: [] })
      this.loop = this.live(socket)
    } catch (error) {
      this.socket?.terminate()
      if (!this.life.signal.aborted) this.state = 'new'
      throw error
    }
  }

  /** Stops taking events, aborts the handlers' signals, and waits for the handlers until the signal is aborted. */
  async close(init: { signal?: AbortSignal } = {}): Promise<void> {
    this.end(new EndedError('closed', 'the client is closed'))
    await this.socket?.close()
    await this.loop
    const idle = Promise.all([...this.subscriptions].map((s) => s.lanes.whenIdle()))
    const impatient = new Promise<void>((resolve) => init.signal?.addEventListener('abort', () => resolve(), { once: true }))
    if (!init.signal?.aborted) await Promise.race([idle, impatient])
  }

  /**
   * Calls a function for each event of a type. The events of one channel (or bridge, playback, ...) reach it in order and one at a time;
   * those of different ones side by side. Returns what ends that.
   */
  on<T extends EventType>(type: T | readonly T[], handler: Handler<Events[T]>): () => void {
    return this.add([type].flat() as string[], handler as Handler<never>)
  }

  /** Calls a function for every event, those included that aren't described. */
  onAny(handler: Handler<Event | UnknownEvent>): () => void {
    return this.add(undefined, handler as Handler<never>)
  }

  /** Calls a function for each call that comes in: for each StasisStart of a channel that this client didn't make itself. */
  onCall(handler: (channel: Channel, event: Events['StasisStart'], context: HandlerContext) => void | Promise<void>): () => void {
    return this.on('StasisStart', (event, context) => {
      if (!this.made.has(event.channel.id)) return handler(event.channel, event, context)
    })
  }

  /**
   * Waits for an event. It listens from this call on: call it before the command that brings the event about, and await it afterwards. It
   * rejects with an EndedError when the channel that it is about, or the client, ends first.
   */
  waitFor<T extends EventType>(type: T | readonly T[], options: WaitOptions<Events[T]> = {}): Promise<Events[T]> {
    const types = [type].flat() as string[]
    const { promise, resolve, reject } = withResolvers<Events[T]>()
    promise.catch(() => {}) // It may end before somebody awaits it, which is no reason to end the program.
    const undo: (() => void)[] = []
    const settle = () => undo.splice(0).forEach((f) => f())
    const fail = (error: unknown) => {
      settle()
      reject(error)
    }
    undo.push(
      this.watch((event) => {
        if (!types.includes(event.type) || (options.channel !== undefined && !channelsOf(event).includes(options.channel))) return
        if (options.match && !options.match(event as unknown as Events[T])) return
        settle()
        resolve(event as unknown as Events[T])
      }),
    )
    if (options.channel !== undefined) undo.push(this.calls.onEnd(options.channel, fail))
    for (const signal of [this.life.signal, options.signal]) {
      if (!signal) continue
      const aborted = () => fail(signal.reason)
      if (signal.aborted) aborted()
      else {
        signal.addEventListener('abort', aborted, { once: true })
        undo.push(() => signal.removeEventListener('abort', aborted))
      }
    }
    return promise
  }

  /**
   * Plays media on a channel, one after the other, and resolves when the last one is over. An abort stops it. It rejects if the playback
   * failed, and with an EndedError if the channel ended first.
   */
  async play(channel: string | { readonly id: string }, media: string | string[], init: { signal?: AbortSignal } = {}): Promise<void> {
    const id = typeof channel === 'string' ? channel : channel.id
    const playbackId = newId()
    const stop = new AbortController()
    const finished = this.waitFor('PlaybackFinished', { channel: id, match: (event) => event.playback.id === playbackId, signal: stop.signal })
    finished.catch(() => {})
    try {
      await this.ari.channel(id).play({ media: [media].flat(), playbackId }, init)
    } catch (error) {
      stop.abort()
      throw error
    }
    const aborted = () => {
      this.ari.playback(playbackId).stop().catch(() => {}) // It may be over by now.
      stop.abort(init.signal?.reason)
    }
    if (init.signal?.aborted) aborted()
    init.signal?.addEventListener('abort', aborted, { once: true })
    try {
      const { playback } = await finished
      if (playback.state === 'failed') throw new Error(`playback of ${[media].flat().join(', ')} failed`)
    } finally {
      init.signal?.removeEventListener('abort', aborted)
    }
  }

  // Connection.

  private async open(): Promise<Socket> {
    const socket = await openSocket({
      ...this.options,
      apps: this.apps,
      subscribeAll: this.options.subscribeAll ?? false,
      keepalive: this.options.keepalive ?? 10_000,
      handshakeTimeout: 5000,
      onMessage: (text) => this.receive(text),
    })
    this.socket = socket
    return socket
  }

  /** Says again what Asterisk forgets, or only thinks it knows, after a loss. */
  private async subscribe(again: boolean): Promise<void> {
    const sources = [...(this.options.subscriptions ?? [])]
    // It ignores subscribeAll where the application still exists from before.
    if (again && this.options.subscribeAll) sources.push('channel:', 'bridge:', 'endpoint:', 'deviceState:')
    for (const name of this.apps) {
      const app = this.ari.application(name)
      if (this.options.events) await app.filter({ allowed: [...new Set([...this.options.events, ...needed])].map((type) => ({ type })) })
      for (const source of sources) {
        try {
          await app.subscribe({ eventSource: [source] })
        } catch (error) {
          // What it names may be gone, which is no reason to stay away.
          if (again && error instanceof AriError && error.reason === 'unprocessable') this.report(error)
          else throw error
        }
      }
      if (again) await app.refresh() // 404: Asterisk has taken the new connection for the old one
    }
  }

  private up(connected: Connected): void {
    if (this.state === 'closed') return
    this.state = 'connected'
    this.options.onConnected?.(connected)
  }

  /** Comes back after each loss, until the client is closed. */
  private async live(socket: Socket): Promise<void> {
    for (;;) {
      const { reason, silent } = await socket.ended
      if (this.life.signal.aborted) return
      const lost = new Error(`the connection is lost: ${reason}`)
      if (silent) this.requester.abandon(lost)
      this.down(lost)
      for (let attempt = 0; ; attempt++) {
        await this.pause(attempt)
        if (this.life.signal.aborted) return
        try {
          socket = await this.open()
          await this.subscribe(true)
          const ended = await this.resync()
          this.life.signal.throwIfAborted()
          this.up({ reconnected: true, ended })
          break
        } catch (error) {
          this.socket?.terminate()
          if (this.life.signal.aborted) return
          this.down(error instanceof Error ? error : new Error(String(error)))
        }
      }
    }
  }

  private down(reason: Error): void {
    if (this.state === 'closed') return
    this.state = 'disconnected'
    this.options.onDisconnected?.(reason)
  }

  private pause(attempt: number): Promise<void> {
    const longest = Math.min(this.options.maxBackoff ?? 10_000, leastBackoff * 2 ** (attempt + 1))
    const time = Math.max(leastBackoff, longest * (0.5 + Math.random() / 2))
    return new Promise((resolve) => {
      const timer = setTimeout(done, time)
      const signal = this.life.signal
      function done() {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done)
    })
  }

  /** Ends here what has ended in Asterisk meanwhile: it sends no events for that. */
  private async resync(): Promise<string[]> {
    const live = new Map((await this.ari.channels.list()).map((channel) => [channel.id, channel]))
    const ended: string[] = []
    for (const name of this.apps) {
      const inApp = (await this.ari.application(name).refresh()).channel_ids
      const all = inApp.some((id) => id.startsWith('__AST_CHANNEL'))
      for (const id of this.calls.of(name)) {
        // An application may hear of a channel that has left it, so that alone doesn't tell.
        if (live.get(id)?.dialplan.app_name.startsWith('Stasis') && (all || inApp.includes(id))) continue
        ended.push(id)
        this.calls.end(name, id, new EndedError('gap', `channel ${id} ended while there was no connection`))
        this.made.delete(id)
      }
    }
    for (const id of this.calls.waitedFor()) {
      if (!live.has(id)) this.calls.destroyed(id, new EndedError('gap', `channel ${id} ended while there was no connection`))
    }
    return ended
  }

  private end(error: EndedError): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    for (const s of this.subscriptions) s.lanes.clear()
    this.calls.endAll(error)
    this.life.abort(error)
    this.finish(error)
  }

  // Events.

  private readonly watchers = new Set<(event: UnknownEvent) => void>()

  private watch(f: (event: UnknownEvent) => void): () => void {
    this.watchers.add(f)
    return () => void this.watchers.delete(f)
  }

  private add(types: string[] | undefined, handler: Handler<never>): () => void {
    const lanes = new Lanes((key, dropped) => this.report(new Error(`a handler fell behind: ${dropped} events of ${key} were dropped`)))
    const subscription = { types, lanes, handler }
    this.subscriptions.add(subscription)
    return () => {
      lanes.clear()
      this.subscriptions.delete(subscription)
    }
  }

  /** Takes a frame. It must not wait: Asterisk cuts off who doesn't read for 100 ms. */
  private receive(text: string): void {
    if (this.state === 'closed') return
    let event: UnknownEvent
    try {
      event = JSON.parse(text) as UnknownEvent
      if (typeof event.type !== 'string') throw new SyntaxError('has no type')
    } catch (error) {
      this.report(new Error(`what came is no event: ${text.slice(0, 200)}`, { cause: error }))
      return
    }
    bindEvent(this.requester, event)
    const application = String(event['application'] ?? '')
    const id = idOf(event['channel'])
    if (event.type === 'StasisStart' && id !== undefined) this.calls.begin(application, id)
    for (const channel of channelsOf(event)) this.calls.see(channel)
    const signal = (id === undefined ? undefined : this.calls.signal(application, id)) ?? this.life.signal
    const key = keyOf(event)
    for (const s of this.subscriptions) {
      if (s.types !== undefined && !s.types.includes(event.type)) continue
      s.lanes.add(key, vital.includes(event.type), async () => {
        try {
          await s.handler(event as never, { signal })
        } catch (error) {
          this.report(error, event)
        }
      })
    }
    for (const watcher of [...this.watchers]) watcher(event)
    this.ends(event, application, id)
  }

  private ends(event: UnknownEvent, application: string, id: string | undefined): void {
    if (event.type === 'ApplicationReplaced') {
      this.end(new EndedError('replaced', `another connection has taken the application ${application} over`))
      this.socket?.terminate()
    }
    if (id === undefined) return
    if (event.type === 'StasisEnd') this.calls.end(application, id, new EndedError('leftStasis', `channel ${id} has left the application`))
    if (event.type === 'ChannelDestroyed') {
      this.calls.destroyed(id, new EndedError('destroyed', `channel ${id} was hung up`, Number(event['cause'])))
      this.made.delete(id)
    }
  }

  private report(error: unknown, event?: UnknownEvent): void {
    if (this.options.onError) this.options.onError(error, event)
    else console.error(event ? `handler of ${event.type}:` : 'ari:', error)
  }
}

function idOf(value: unknown): string | undefined {
  const id = (value as { id?: unknown } | undefined)?.id
  return typeof id === 'string' ? id : undefined
}

/** The channels that an event is about: that of a playback or recording is one, too. */
function channelsOf(event: UnknownEvent): string[] {
  const out = [event['channel'], event['peer'], event['caller'], event['replace_channel']].map(idOf).filter((id) => id !== undefined)
  for (const member of ['playback', 'recording']) {
    const target = (event[member] as { target_uri?: string } | undefined)?.target_uri
    if (target?.startsWith('channel:')) out.push(target.slice('channel:'.length))
  }
  return out
}

/** What an event's order is kept with: its channel, else its bridge, playback, recording, endpoint or device. */
function keyOf(event: UnknownEvent): string {
  const channel = channelsOf(event)[0]
  if (channel !== undefined) return `channel ${channel}`
  const bridge = idOf(event['bridge'])
  if (bridge !== undefined) return `bridge ${bridge}`
  for (const member of ['playback', 'recording', 'endpoint', 'device_state']) {
    const value = event[member] as Record<string, unknown> | undefined
    if (value) return `${member} ${String(value['id'] ?? value['target_uri'] ?? value['name'] ?? value['resource'])}`
  }
  return event.type
}

function withResolvers<T>() {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}

