import WebSocket from 'ws'
import { AriError, reasonOf } from './errors.js'
import { authorization, type ConnectionOptions } from './request.js'

const operation = 'eventsEventWebsocket'
const method = 'GET'
const path = '/events'

/** An event websocket that is open. */
export interface Socket {
  /** Ends it at once, without a close handshake. */
  terminate(): void
  /** Closes it, and resolves when that is done. */
  close(): Promise<void>
  /** Resolves with the reason when it has ended, however it did; silent tells that Asterisk gave no sign of life. */
  readonly ended: Promise<{ reason: string; silent: boolean }>
}

export interface SocketOptions extends ConnectionOptions {
  apps: string[]
  subscribeAll: boolean
  /** How often to ask whether Asterisk is still there, and how long to wait for its answer, in milliseconds. */
  keepalive: number
  handshakeTimeout: number
  onMessage: (text: string) => void
}

/** Opens an event websocket. It rejects with an AriError if Asterisk refuses. */
export function openSocket(options: SocketOptions): Promise<Socket> {
  const url = new URL(options.url.replace(/\/+$/, '') + path)
  url.protocol = url.protocol.replace('http', 'ws')
  url.searchParams.set('app', options.apps.join(','))
  if (options.subscribeAll) url.searchParams.set('subscribeAll', 'true')
  const ws = new WebSocket(url, 'ari', {
    headers: { Authorization: authorization(options.username, options.password) },
    handshakeTimeout: options.handshakeTimeout,
    perMessageDeflate: false,
    maxPayload: 0,
  })
  return new Promise((resolve, reject) => {
    let alive: NodeJS.Timeout | undefined
    let refused: AriError | undefined
    let reason = ''
    let silent = false
    let finish: (end: { reason: string; silent: boolean }) => void = () => {}
    const ended = new Promise<{ reason: string; silent: boolean }>((done) => (finish = done))
    ws.on('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0
      refused = new AriError({ operation, method, path, reason: reasonOf(status), status, message: response.statusMessage ?? '' })
      response.resume()
      ws.terminate() // Asterisk may write a second answer: never use such a connection again.
      reject(refused)
    })
    ws.on('error', (error) => {
      reason = error.message
      reject(refused ?? new AriError({ operation, method, path, reason: 'connection', message: error.message, cause: error }))
    })
    ws.on('close', (code) => {
      clearInterval(alive)
      finish({ reason: reason || `closed with code ${code}`, silent })
    })
    ws.on('message', (data, binary) => {
      if (!binary) options.onMessage(String(data))
    })
    ws.on('open', () => {
      // Asterisk sends no pings, so a connection that is half open would never be noticed.
      let answered = true
      ws.on('pong', () => (answered = true))
      alive = setInterval(() => {
        if (!answered) {
          silent = true
          reason = `no answer for ${options.keepalive} ms`
          ws.terminate()
          return
        }
        answered = false
        ws.ping()
      }, options.keepalive)
      resolve({
        ended,
        terminate: () => ws.terminate(),
        close: async () => {
          ws.close(1000)
          const impatient = setTimeout(() => ws.terminate(), options.keepalive)
          await ended
          clearTimeout(impatient)
        },
      })
    })
  })
}
