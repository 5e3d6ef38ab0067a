import WebSocket from 'ws'
import { Aborts } from './aborts.js'
import { baseOf } from './address.js'
import { AriError, reasonOf, type Reason } from './errors.js'
import { authorization, type ConnectionOptions } from './request.js'

const operation = 'eventsEventWebsocket'
const method = 'GET'
const path = '/events'

// How long Asterisk has for its part of the goodbye.
const goodbye = 2000

/** An event websocket that is open. */
export interface Socket {
  /** Ends it at once, without a close handshake. Nothing more is read. */
  terminate(why?: string): void
  /** Closes it, and resolves when that is done. */
  close(): Promise<void>
  /** Resolves with the reason when it has ended, however it did. */
  readonly ended: Promise<string>
}

export interface SocketOptions extends ConnectionOptions {
  apps: readonly string[]
  subscribeAll: boolean
  /** How often to ask whether Asterisk is still there, and how long to wait for its answer, in milliseconds. */
  keepalive: number
  handshakeTimeout: number
  /** Ends the handshake. */
  signal: AbortSignal
  /** Called before the first message. */
  onOpen: () => void
  onMessage: (text: string) => void
  /** Asterisk gives no sign of life. */
  onSilence: (reason: Error) => void
}

/** What is said of a connection that failed. */
export function noConnection(message: string, more: { status?: number; reason?: Reason; message?: string; cause?: unknown } = {}): AriError {
  return new AriError({ operation, method, path, reason: 'connection', message, ...more })
}

/** Opens an event websocket. It rejects with an AriError if Asterisk refuses, and with the signal's reason when that comes first. */
export async function openSocket(options: SocketOptions): Promise<Socket> {
  options.signal.throwIfAborted()
  const url = new URL(baseOf(options) + path)
  url.protocol = url.protocol.replace('http', 'ws')
  url.searchParams.set('app', options.apps.join(','))
  if (options.subscribeAll) url.searchParams.set('subscribeAll', 'true')
  const ws = new WebSocket(url, 'ari', {
    headers: { Authorization: authorization(options.username, options.password) },
    perMessageDeflate: false,
    maxPayload: 0,
  })
  let over = false // nothing is read any more
  let reason = ''
  const terminate = (why: string) => {
    over = true
    reason ||= why
    ws.terminate()
  }
  const ended = new Promise<string>((resolve) => ws.on('close', (code) => resolve(reason || `closed with code ${code}`)))
  ws.on('open', options.onOpen)
  ws.on('message', (data, binary) => {
    if (!binary && !over) options.onMessage(String(data))
  })
  ws.on('error', (error) => (reason ||= error.message)) // It is closed then.
  const silent = (ms: number) => {
    terminate(`no answer for ${ms} ms`)
    options.onSilence(new Error(reason))
  }
  await opened(ws, options, terminate, silent, () => reason)
  const stopAsking = keepAlive(ws, options.keepalive, silent)
  void ended.then(stopAsking)
  return {
    ended,
    terminate: (why = 'given up') => terminate(why),
    close: async () => {
      ws.close(1000)
      const impatient = setTimeout(() => ws.terminate(), goodbye)
      await ended
      clearTimeout(impatient)
    },
  }
}

/** Waits for the end of the handshake. */
async function opened(
  ws: WebSocket,
  options: SocketOptions,
  terminate: (why: string) => void,
  silent: (ms: number) => void,
  why: () => string,
): Promise<void> {
  const unlink = new Aborts().link(options.signal, () => terminate('given up'))
  const timer = setTimeout(() => silent(options.handshakeTimeout), options.handshakeTimeout)
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (more: object) => reject(noConnection(why(), more))
      ws.on('open', resolve)
      ws.on('unexpected-response', (_request, response) => {
        const status = response.statusCode ?? 0
        fail({ reason: reasonOf(status), status, message: response.statusMessage ?? '' })
        response.resume()
        terminate('refused') // Asterisk may write a second answer: never use such a connection again.
      })
      ws.on('error', (error) => fail({ cause: error }))
    })
  } catch (error) {
    options.signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
    unlink()
  }
}

/** Asterisk sends no pings, so a connection that is half open would never be noticed. */
function keepAlive(ws: WebSocket, every: number, silent: (ms: number) => void): () => void {
  let alive = true
  for (const sign of ['pong', 'message']) ws.on(sign, () => (alive = true))
  const timer = setInterval(() => {
    const check = () => {
      if (!alive && ws.readyState === WebSocket.OPEN) silent(every)
    }
    // After the program has been busy for long, the answer may be there, and not yet read.
    if (!alive) setImmediate(() => setImmediate(check))
    alive = false
    ws.ping()
  }, every)
  return () => clearInterval(timer)
}
