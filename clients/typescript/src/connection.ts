import { Aborts, longestTime, manyMayListen } from './aborts.js'
import type { ConnectionOptions } from './request.js'
import { noConnection, openSocket, type Socket } from './socket.js'

// Asterisk may take a connection that comes at once after the end of the one before for that one, and forget it.
const leastBackoff = 100

const handshakeTimeout = 5000

// A connection that lasted for less was none to rely on: the next one may take longer.
const steady = 5000

// When it is looked whether events come: soon, and when Asterisk must be done with what was before.
const verifyAfter = [1000, 3000]

// How often in a row a connection is given up because none come, and after which time that may be done again.
const maxRenewals = 3
const renewalsRefill = 60_000

/** What a connection does for a client. */
export interface Life {
  /** Takes what comes. It must not wait: Asterisk cuts off who doesn't read for 100 ms. */
  receive(text: string): void
  /** A connection is there; what was known is older than it. */
  opened(): void
  /** Brings the client and Asterisk into line. Returns the channels that ended while there was no connection. */
  settle(again: boolean, signal: AbortSignal): Promise<string[]>
  up(connected: { reconnected: boolean; ended: string[] }): void
  /** Finds out whether no events come although the connection is up. */
  mute(signal: AbortSignal): Promise<boolean>
  /** A loss, or an attempt to come back that failed. */
  down(reason: Error): void
  /** Asterisk gives no sign of life, or takes no connections. */
  silent(reason: Error): void
}

export interface ConnectionSetup extends ConnectionOptions {
  apps: readonly string[]
  subscribeAll: boolean
  keepalive: number
  maxBackoff: number
  /** Ends it all. */
  signal: AbortSignal
}

/** A Connection is the event websocket of a client, and comes back after each loss. */
export class Connection {
  readonly #setup: ConnectionSetup
  readonly #life: Life
  readonly #aborts = new Aborts()
  #socket: Socket | undefined
  #busy: Promise<void> = Promise.resolve()
  #renewals = 0
  #renewed = -Infinity

  constructor(setup: ConnectionSetup, life: Life) {
    this.#setup = setup
    this.#life = life
  }

  /** Connects for the first time. It resolves when events flow, and rejects if Asterisk can't be reached or refuses. */
  connect(): Promise<void> {
    const connecting = this.#connect()
    const lasting = connecting.then(
      (live) => live.lasting,
      () => {},
    )
    this.#busy = lasting
    return connecting.then(() => {})
  }

  async #connect(): Promise<{ lasting: Promise<void> }> {
    const { socket, ended } = await this.#attempt(false)
    const lasting = this.#live(socket)
    this.#life.up({ reconnected: false, ended })
    this.#setup.signal.throwIfAborted()
    return { lasting }
  }

  /** Says goodbye, and resolves when nothing goes on any more. The signal of the setup has been aborted before. */
  async close(): Promise<void> {
    await Promise.all([this.#socket?.close(), this.#busy])
  }

  /** Ends the websocket at once. */
  terminate(): void {
    this.#socket?.terminate()
  }

  /** Opens a websocket and gets into step with Asterisk. */
  async #attempt(again: boolean): Promise<{ socket: Socket; ended: string[] }> {
    const { signal, keepalive } = this.#setup
    const broken = manyMayListen()
    const unlink = this.#aborts.link(signal, () => broken.abort(signal.reason))
    // A peer may answer pings and no commands. None of these waits for anything by its nature.
    const patience = Math.min(6 * keepalive, longestTime)
    const timer = setTimeout(() => broken.abort(noConnection(`no answer to commands for ${patience} ms`)), patience)
    let socket: Socket | undefined
    try {
      socket = await openSocket({
        ...this.#setup,
        handshakeTimeout,
        onOpen: () => this.#life.opened(),
        onMessage: (text) => this.#life.receive(text),
        onSilence: (reason) => this.#life.silent(reason),
      })
      this.#socket = socket
      void socket.ended.then((reason) => broken.abort(lost(reason)))
      const ended = await this.#aborts.race(this.#life.settle(again, broken.signal), broken.signal)
      broken.signal.throwIfAborted()
      return { socket, ended }
    } catch (error) {
      socket?.terminate()
      throw error
    } finally {
      clearTimeout(timer)
      unlink()
    }
  }

  /** Comes back after each loss, until the client is closed. */
  async #live(socket: Socket): Promise<void> {
    const { signal } = this.#setup
    for (let losses = 0; ; ) {
      const since = performance.now()
      const reason = await socket.ended
      if (signal.aborted) return
      this.#life.down(lost(reason))
      losses = performance.now() - since < steady ? losses + 1 : 0
      for (let attempt = Math.min(losses, 2); ; attempt++) {
        await this.#aborts.pause(this.#backoff(attempt), signal)
        if (signal.aborted) return
        try {
          const back = await this.#attempt(true)
          socket = back.socket
          void this.#verify(socket)
          this.#life.up({ reconnected: true, ended: back.ended })
          break
        } catch (error) {
          if (signal.aborted) return
          if (isAway(error)) this.#life.silent(error)
          this.#life.down(error instanceof Error ? error : new Error(String(error)))
        }
      }
    }
  }

  /** Gives a connection up over which no events come. */
  async #verify(socket: Socket): Promise<void> {
    const over = manyMayListen()
    void socket.ended.then(() => over.abort())
    for (const after of verifyAfter) {
      await this.#aborts.pause(after, over.signal)
      if (over.signal.aborted || !(await this.#life.mute(over.signal))) continue
      if (performance.now() - this.#renewed > renewalsRefill) this.#renewals = 0
      if (this.#renewals >= maxRenewals) return
      this.#renewals++
      this.#renewed = performance.now()
      socket.terminate('no events come')
      return
    }
  }

  #backoff(attempt: number): number {
    const longest = Math.min(this.#setup.maxBackoff, leastBackoff * 2 ** (attempt + 1))
    return Math.max(leastBackoff, longest * (0.5 + Math.random() / 2))
  }
}

// Nothing takes connections there, or there is no way to it: what still waits for an answer waits in vain.
const away = ['ECONNREFUSED', 'EHOSTDOWN', 'EHOSTUNREACH', 'ENETUNREACH']

function isAway(error: unknown): error is Error {
  return error instanceof Error && away.includes(String((error.cause as { code?: unknown } | undefined)?.code))
}

const lost = (reason: string) => noConnection(`the connection is lost: ${reason}`)
