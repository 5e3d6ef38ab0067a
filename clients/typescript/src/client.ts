import { Aborts, longestTime, manyMayListen } from './aborts.js'
import { bindEvent, requesterFor } from './ari.js'
import { Commands, type Channel, type Event, type Events, type EventType } from './api.gen.js'
import { Calls, type Call } from './calls.js'
import { compare, isHeard } from './compare.js'
import { Connection } from './connection.js'
import { AriError, EndedError, isGone } from './errors.js'
import { aboutChannel, channelsOf, idOf, keyOf, vital } from './event.js'
import { Lanes } from './lanes.js'
import { Made } from './made.js'
import { asker, askOften, mayEndUntold } from './playback.js'
import { Probe } from './probe.js'
import { newId, type ConnectionOptions, type Requester } from './request.js'
import { Tasks } from './tasks.js'
import { Wanted } from './wanted.js'

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
  /** The event types that are wanted. Those that the client itself lives by are added, and reach handlers too. */
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

interface Subscription {
  types: readonly string[] | undefined // undefined: all
  lanes: Lanes
  handler: Handler<never>
}

// How long the last event of a channel may be under way after that of its leaving.
const underWay = 500

// What may come of a channel whose id was used before.
const births = ['StasisStart', 'ChannelCreated', 'Dial']

/** A Client is one or several Stasis applications of an Asterisk: it hands out their events and sends commands. */
export class Client {
  /** All commands. */
  readonly ari: Commands
  /** Resolves when the client has ended: by close, or because another program took the application over. */
  readonly done: Promise<EndedError>

  readonly #options: Pick<ClientOptions, 'onConnected' | 'onDisconnected' | 'onError'>
  readonly #apps: readonly string[]
  readonly #requester: Requester
  readonly #connection: Connection
  readonly #wanted: Wanted
  readonly #calls = new Calls()
  readonly #made = new Made(() => void this.#pruneMade())
  readonly #subscriptions = new Set<Subscription>()
  readonly #watchers = new Set<(event: UnknownEvent) => void>()
  readonly #playing = new Set<() => Promise<void>>() // each asks whether a playback is over
  readonly #probe = new Probe()
  readonly #tasks = new Tasks()
  readonly #aborts = new Aborts()
  readonly #life = manyMayListen()
  #state: 'new' | 'connecting' | 'connected' | 'disconnected' | 'closed' = 'new'
  #finish: (error: EndedError) => void = () => {}

  constructor(options: ClientOptions) {
    const { url, username, password, cleartextCredentials = false, app, subscribeAll = false, subscriptions = [], events, keepalive = 10_000, maxBackoff = 10_000 } = options
    this.#options = { ...options }
    this.#apps = [...new Set([app].flat())] // Named twice, an application takes itself over.
    if (this.#apps.length === 0 || this.#apps.some((name) => name === '' || name.includes(','))) throw new TypeError('want the names of applications, without commas')
    for (const [name, ms] of Object.entries({ keepalive, maxBackoff })) if (!(ms > 0 && ms <= longestTime)) throw new TypeError(`${name} is no time between 0 and ${longestTime} ms: ${ms}`)
    this.done = new Promise((resolve) => (this.#finish = resolve))
    this.#wanted = new Wanted(this.#apps, subscribeAll, subscriptions, events)
    this.#requester = requesterFor(options)
    this.#requester.hooks = this.#hooks()
    this.ari = new Commands(this.#requester)
    this.#connection = new Connection(
      { url, username, password, cleartextCredentials, apps: this.#apps, subscribeAll, keepalive, maxBackoff, signal: this.#life.signal },
      {
        receive: (text) => this.#receive(text),
        opened: () => this.#calls.connected(),
        settle: (again, signal) => this.#settle(again, signal),
        up: (connected) => this.#up(connected),
        down: (reason) => this.#down(reason),
        mute: (signal) => this.#mute(signal),
        silent: (reason) => this.#requester.abandon(reason),
      },
    )
  }

  /** Whether events flow. */
  get connected(): boolean {
    return this.#state === 'connected'
  }

  /**
   * Connects. It resolves when events flow, and rejects if Asterisk can't be reached or refuses; then it may be called again. Every loss
   * after that is repaired.
   */
  async connect(): Promise<void> {
    this.#life.signal.throwIfAborted()
    if (this.#state !== 'new') throw new Error('connect is called once')
    this.#state = 'connecting'
    try {
      await this.#connection.connect()
    } catch (error) {
      this.#life.signal.throwIfAborted()
      this.#state = 'new'
      // Calls may have come in already.
      this.#calls.endAll(new EndedError('gap', 'the connection was lost before all was in place'))
      throw error
    }
  }

  /**
   * Stops taking events, aborts the handlers' signals, and waits for the handlers, until the signal is aborted. A handler may call it, and
   * isn't waited for then.
   */
  async close(init: { signal?: AbortSignal } = {}): Promise<void> {
    const idle = this.#tasks.whenIdle()
    this.#end(new EndedError('closed', 'the client is closed'))
    try {
      await this.#aborts.race(Promise.all([this.#connection.close(), idle]), init.signal)
    } catch {
      this.#connection.terminate()
    }
  }

  /**
   * Calls a function for each event of a type. The events of one channel (or bridge, playback, ...) reach it in order and one at a time;
   * those of different ones side by side. Returns what ends that.
   */
  on<T extends EventType>(type: T | readonly T[], handler: Handler<Events[T]>): () => void {
    return this.#add([type].flat() as string[], handler as Handler<never>)
  }

  /** Calls a function for every event, those included that aren't described. */
  onAny(handler: Handler<Event | UnknownEvent>): () => void {
    return this.#add(undefined, handler as Handler<never>)
  }

  /** Calls a function for each call that comes in: for each StasisStart of a channel that this client didn't make itself. */
  onCall(handler: (channel: Channel, event: Events['StasisStart'], context: HandlerContext) => void | Promise<void>): () => void {
    return this.on('StasisStart', (event, context) => {
      if (!this.#made.has(event.channel.id)) return handler(event.channel, event, context)
    })
  }

  /**
   * Waits for an event. It listens from this call on: call it before the command that brings the event about, and await it afterwards. It
   * rejects with an EndedError when the channel that it is about, or the client, ends first, or has ended already.
   */
  waitFor<T extends EventType>(type: T | readonly T[], options: WaitOptions<Events[T]> = {}): Promise<Events[T]> {
    const types = [type].flat() as string[]
    const { channel, match, signal } = options
    const { promise, resolve, reject } = withResolvers<Events[T]>()
    promise.catch(() => {}) // It may end before somebody awaits it, which is no reason to end the program.
    const undo: (() => void)[] = []
    let settled = false
    const settle = () => {
      settled = true
      for (const f of undo.splice(0)) f()
    }
    const fail = (error: unknown) => {
      settle()
      reject(error)
    }
    const watcher = (event: UnknownEvent) => {
      if (!types.includes(event.type) || (channel !== undefined && !channelsOf(event).includes(channel))) return
      try {
        if (match && !match(event as unknown as Events[T])) return
      } catch (error) {
        fail(error)
        return
      }
      settle()
      resolve(event as unknown as Events[T])
    }
    this.#watchers.add(watcher)
    undo.push(() => this.#watchers.delete(watcher))
    if (channel !== undefined) {
      const listen = () => {
        undo.push(
          this.#calls.onEnd(channel, (error) => {
            if (error.end !== 'leftStasis' || !types.includes('ChannelDestroyed')) return fail(error)
            listen()
            this.#calls.see(channel)
            void this.#failIfUnheard(channel, error, fail)
          }),
        )
      }
      listen()
      if (!types.some((type) => births.includes(type))) void this.#failIfOver(channel, fail)
    }
    for (const ending of [this.#life.signal, signal]) {
      if (settled || !ending) continue
      undo.push(this.#aborts.link(ending, () => fail(ending.reason)))
    }
    if (settled) settle()
    return promise
  }

  /** Ends a wait for a channel that has ended already. One that has left the application may live on, and come back. */
  async #failIfOver(channel: string, fail: (error: unknown) => void): Promise<void> {
    const error = this.#calls.endOf(channel)
    if (!error) return
    if (error.end === 'destroyed') return fail(error)
    try {
      await this.ari.channel(channel).refresh({ signal: this.#life.signal })
    } catch (failed) {
      if (isGone(failed)) fail(error)
    }
  }

  /** Ends a wait for the end of a channel that has left the application, unless an application hears of it for as long as it lives. */
  async #failIfUnheard(channel: string, left: EndedError, fail: (error: unknown) => void): Promise<void> {
    const { signal } = this.#life
    if (await isHeard(this.ari, this.#apps, channel, { signal }).catch(() => false)) return
    await this.#aborts.pause(underWay, signal) // It was hung up, perhaps, and its last event is still under way.
    fail(left)
  }

  /**
   * Plays media on a channel, one after the other, and resolves when the last one is over. An abort stops it. It rejects if the playback
   * failed, and with an EndedError if the channel ended first, or the playback while there was no connection.
   */
  async play(channel: string | { readonly id: string }, media: string | string[], init: { signal?: AbortSignal } = {}): Promise<void> {
    const id = typeof channel === 'string' ? channel : channel.id
    const all = [media].flat()
    const playback = this.ari.playback(newId())
    const over = new AbortController() // ends the wait
    init.signal?.throwIfAborted()
    const finished = this.waitFor('PlaybackFinished', { channel: id, match: (event) => event.playback.id === playback.id, signal: over.signal })
    // The command isn't given up: what it starts has to be stopped.
    const started = this.ari.channel(id).play({ media: all, playbackId: playback.id })
    const unlink = this.#aborts.link(init.signal, () => {
      started.then(() => playback.stop()).catch(() => {}) // It may be over by now.
      over.abort(init.signal!.reason)
    })
    try {
      await this.#aborts.race(started, init.signal)
      const ask = asker(playback, over, this.#aborts)
      this.#playing.add(ask)
      if (mayEndUntold(all)) void askOften(ask, () => this.connected, over.signal, this.#aborts)
      const { playback: last } = await finished.finally(() => this.#playing.delete(ask))
      if (last.state === 'failed') throw new Error(`playback of ${all.join(', ')} failed`)
    } finally {
      unlink()
      over.abort() // ends what asks, too
    }
  }

  // Connection.

  #hooks() {
    const begun = new WeakMap<object, string[]>() // the channels that a command makes, by its options
    return {
      before: (operation: string, options: Record<string, unknown>) => {
        const out = this.#wanted.before(operation, options)
        begun.set(out, madeBy(operation, out).filter((id) => this.#made.begin(id)))
        return out
      },
      after: (operation: string, options: Record<string, unknown>, error: unknown) => {
        if (error === undefined) this.#wanted.after(operation, options)
        const refused = error instanceof AriError && error.reason !== 'connection' && error.reason !== 'protocol'
        for (const id of begun.get(options) ?? []) this.#made.end(id, refused)
      },
    }
  }

  /** Forgets the channels of its own that are no more. */
  async #pruneMade(): Promise<void> {
    const ids = this.#made.settled()
    const list = await this.ari.channels.list({ signal: this.#life.signal }).catch(() => undefined)
    this.#made.prune(ids, list && new Set(list.map((channel) => channel.id)))
  }

  async #settle(again: boolean, signal: AbortSignal): Promise<string[]> {
    const init = { signal }
    await this.#wanted.restore(this.ari, again, init, (error) => this.#report(error))
    if (!again) return []
    const made = this.#made.settled()
    const keeps = (app: string, id: string) => this.#wanted.keeps(app, id) || this.#made.has(id)
    const found = await compare(this.ari, this.#apps, this.#calls, keeps, init)
    signal.throwIfAborted()
    this.#made.prune(made, found.channels)
    for (const call of found.over) this.#endUnheard(call, true)
    for (const id of found.gone) this.#calls.destroyed(id, gap(id))
    for (const { application, channel, args } of found.entered) {
      if (this.#calls.has(channel.id) || this.#calls.hasLeft(channel.id)) continue
      this.#calls.begin(application, channel.id, channel)
      this.#dispatch({ ...this.#madeUp('StasisStart', application, channel), args })
    }
    for (const ask of this.#playing) void ask()
    return found.over.map((call) => call.channel)
  }

  /** Ends a call whose end nobody has heard of. Owed says that Asterisk's own word may still come. */
  #endUnheard(call: Call, owed: boolean): void {
    if (call.signal.aborted) return // It was told meanwhile.
    this.#calls.end(call.application, call.channel, gap(call.channel), owed)
    this.#dispatch(this.#madeUp('StasisEnd', call.application, call.snapshot ?? this.ari.channel(call.channel)))
  }

  /** An event that Asterisk has sent to nobody. */
  #madeUp(type: string, application: string, channel: object): UnknownEvent {
    return { type, timestamp: new Date().toISOString().replace('Z', '+0000'), application, channel }
  }

  async #mute(signal: AbortSignal): Promise<boolean> {
    for (const app of this.#apps) {
      if (this.#wanted.passes(app, 'ChannelUserevent') && (await this.#probe.mute(this.ari, app, signal, this.#aborts))) return true
    }
    return false
  }

  #up(connected: Connected): void {
    if (this.#state === 'closed') return
    this.#state = 'connected'
    this.#call(this.#options.onConnected, connected)
  }

  #down(reason: Error): void {
    if (this.#state === 'closed') return
    this.#state = 'disconnected'
    this.#call(this.#options.onDisconnected, reason)
  }

  #end(error: EndedError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (const s of this.#subscriptions) s.lanes.clear()
    this.#calls.endAll(error)
    this.#life.abort(error)
    this.#finish(error)
  }

  // Events.

  #add(types: string[] | undefined, handler: Handler<never>): () => void {
    const lanes = new Lanes((key, dropped, over) =>
      this.#report(new Error(over ? `a handler fell behind: ${dropped} events of ${key} were dropped` : `a handler falls behind: events of ${key} are dropped`)),
    )
    const subscription = { types, lanes, handler }
    this.#subscriptions.add(subscription)
    return () => {
      lanes.clear()
      this.#subscriptions.delete(subscription)
    }
  }

  #receive(text: string): void {
    if (this.#state === 'closed') return
    let event: UnknownEvent
    try {
      event = JSON.parse(text) as UnknownEvent
      if (typeof event.type !== 'string') throw new SyntaxError('has no type')
      bindEvent(this.#requester, event)
    } catch (error) {
      this.#report(new Error(`what came is no event: ${text.slice(0, 200)}`, { cause: error }))
      return
    }
    if (this.#probe.came(event) || (event.type === 'StasisStart' && !this.#begins(event))) return
    if (event.type === 'StasisEnd' && this.#calls.paid(...aboutChannel(event))) return
    for (const channel of channelsOf(event)) this.#calls.see(channel)
    this.#dispatch(event)
    this.#ends(event)
  }

  /** Takes a StasisStart, and reports whether it is news. */
  #begins(event: UnknownEvent): boolean {
    const [application, id] = aboutChannel(event)
    if (id === undefined) return true
    const at = typeof event['timestamp'] === 'string' ? event['timestamp'] : undefined
    const before = this.#calls.get(application, id)
    if (before && this.#calls.repeats(before, at)) return false
    if (before) this.#endUnheard(before, false)
    this.#calls.begin(application, id, event['channel'] as object, at)
    return true
  }

  #dispatch(event: UnknownEvent): void {
    const [application, id] = aboutChannel(event)
    const over = event.type === 'StasisEnd' || event.type === 'ChannelDestroyed' // Their handlers have all the time that they want.
    const signal = (id === undefined || over ? undefined : this.#calls.get(application, id)?.signal) ?? this.#life.signal
    const key = keyOf(event)
    for (const s of this.#subscriptions) {
      if (s.types !== undefined && !s.types.includes(event.type)) continue
      s.lanes.add(key, vital.includes(event.type), () =>
        this.#tasks.run(async () => {
          try {
            await s.handler(event as never, { signal })
          } catch (error) {
            this.#report(error, event)
          }
        }),
      )
    }
    for (const watcher of [...this.#watchers]) watcher(event)
  }

  #ends(event: UnknownEvent): void {
    const [application, id] = aboutChannel(event)
    if (event.type === 'ApplicationReplaced') {
      this.#end(new EndedError('replaced', `another connection has taken the application ${application} over`))
      this.#connection.terminate()
    }
    if (event.type === 'BridgeDestroyed') this.#wanted.gone(`bridge:${idOf(event['bridge'])}`)
    if (id === undefined) return
    if (event.type === 'StasisEnd') this.#calls.end(application, id, new EndedError('leftStasis', `channel ${id} has left the application`))
    if (event.type === 'ChannelDestroyed') {
      this.#calls.destroyed(id, new EndedError('destroyed', `channel ${id} was hung up`, typeof event['cause'] === 'number' ? event['cause'] : undefined))
      this.#made.gone(id)
      this.#wanted.gone(`channel:${id}`)
    }
  }

  /** Calls what a user has given, whatever becomes of it. */
  #call<T>(f: ((value: T) => unknown) | undefined, value: T): void {
    settle(() => f?.(value), (error) => this.#report(error))
  }

  #report(error: unknown, event?: UnknownEvent): void {
    const write = (what: unknown) => console.error(event ? `handler of ${event.type}:` : 'ari:', what)
    const { onError } = this.#options
    if (!onError) write(error)
    else {
      settle(() => onError(error, event), (failed) => {
        write(error)
        write(failed)
      })
    }
  }
}

/** Calls f, and fail if it throws, or returns a promise that is rejected. */
function settle(f: () => unknown, fail: (error: unknown) => void): void {
  try {
    const result = f()
    if (result instanceof Promise) result.catch(fail)
  } catch (error) {
    fail(error)
  }
}

const gap = (channel: string) => new EndedError('gap', `channel ${channel} ended while there was no connection`)

/** The ids of the channels that a command makes. */
function madeBy(operation: string, options: Record<string, unknown>): string[] {
  if (operation === 'channelsSnoopChannel' || operation === 'channelsSnoopChannelWithId') return [String(options['snoopId'])]
  if (['channelsOriginate', 'channelsOriginateWithId', 'channelsCreate', 'channelsExternalMedia'].includes(operation)) return [String(options['channelId'])]
  return []
}

function withResolvers<T>() {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}
