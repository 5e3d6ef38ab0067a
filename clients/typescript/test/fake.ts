// A server that answers as a test wants it: for what a real Asterisk, and the simulated one, do only in bad moments.
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { Client, type ClientOptions, type Connected } from '../src/index.js'

export interface Asked {
  method: string
  /** Without the base path, decoded. */
  path: string
  query: URLSearchParams
  body: Record<string, unknown>
  authorization: string
}

export type Answer = { status?: number; body?: unknown; headers?: Record<string, string> } | 'never' | 'stalls'

export class Fake {
  readonly asked: Asked[] = []
  readonly sockets: WebSocket[] = []
  /** The channels that it has, by ids, and what it shows of them. */
  readonly channels = new Map<string, object>()
  /** What its application hears of. */
  app: Record<string, unknown> = { channel_ids: [], bridge_ids: [], endpoint_ids: [], device_names: [] }
  readonly playbacks = new Set<string>()
  /** What it answers to a command, if not what it always does. */
  answer: (asked: Asked) => Answer | undefined | Promise<Answer | undefined> = () => undefined
  /** It gives no sign of life: no answers, no pongs, no handshakes. */
  silent = false
  /** It takes no websocket but leaves the handshake open. */
  hesitant = false

  private readonly waiting = new Set<() => void>()
  private readonly clients = new Set<Client>()
  private readonly raw = new Set<Duplex>()

  private constructor(
    private readonly server: http.Server,
    private readonly upgrader: WebSocketServer,
    readonly url: string,
  ) {}

  static async open(): Promise<Fake> {
    const server = http.createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const upgrader = new WebSocketServer({ noServer: true, autoPong: false })
    const fake = new Fake(server, upgrader, `http://127.0.0.1:${(server.address() as AddressInfo).port}/ari`)
    server.on('request', (request, response) => void fake.request(request, response))
    server.on('upgrade', (request, socket, head) => {
      fake.raw.add(socket)
      socket.on('error', () => {})
      if (fake.silent || fake.hesitant) {
        fake.changed()
        return
      }
      upgrader.handleUpgrade(request, socket, head, (ws) => {
        fake.sockets.push(ws)
        ws.on('ping', (data) => {
          if (!fake.silent) ws.pong(data)
        })
        ws.on('error', () => {})
        ws.on('close', () => fake.changed())
        fake.changed()
      })
    })
    server.on('connection', (socket) => fake.raw.add(socket))
    return fake
  }

  private async request(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url)
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const asked: Asked = {
      method: request.method!,
      path: decodeURIComponent(url.pathname.replace(/^\/ari/, '')),
      query: url.searchParams,
      body: text ? (JSON.parse(text) as Record<string, unknown>) : {},
      authorization: request.headers.authorization ?? '',
    }
    this.asked.push(asked)
    this.changed()
    const answer = this.silent ? 'never' : ((await this.answer(asked)) ?? this.usual(asked))
    this.changed()
    if (answer === 'never') return
    if (answer === 'stalls') {
      response.writeHead(200, { 'Content-Length': 1000 })
      response.write('begun')
      return
    }
    response.writeHead(answer.status ?? 200, { 'Content-Type': 'application/json', ...answer.headers })
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body))
  }

  private usual({ method, path, query }: Asked): Answer {
    const [kind, id, verb] = path.split('/').slice(1)
    const gone = { status: 404, body: { message: 'gone' } }
    switch (`${method} ${kind}`) {
      case 'GET channels':
        if (id === undefined) return { body: [...this.channels.values()] }
        return this.channels.has(id) ? { body: this.channels.get(id) } : gone
      case 'POST channels':
        if (verb === 'play') {
          this.playbacks.add(query.get('playbackId')!)
          return { status: 201, body: { id: query.get('playbackId'), media_uri: query.get('media'), target_uri: `channel:${id}`, language: 'en', state: 'queued' } }
        }
        return { body: { id: query.get('channelId') ?? id } }
      case 'GET applications':
        return id === undefined ? { body: [{ name: 'x', ...this.app }] } : { body: { name: id, ...this.app } }
      case 'POST applications':
      case 'DELETE applications':
      case 'PUT applications':
        return { body: { name: id, ...this.app } }
      case 'GET playbacks':
        return this.playbacks.has(id!) ? { body: { id, media_uri: 'sound:x', target_uri: 'channel:x', language: 'en', state: 'playing' } } : gone
      case 'POST events':
        this.send({ type: 'ChannelUserevent', application: query.get('application'), eventname: verb, userevent: {} })
        return { status: 204 }
      default:
        return { status: 204 }
    }
  }

  /** Shows a channel that is in the application. */
  channel(id: string, more: object = {}): object {
    const channel = { id, name: `PJSIP/${id}`, state: 'Up', dialplan: { context: 'default', exten: '1', priority: 1, app_name: 'Stasis', app_data: 'x' }, ...more }
    this.channels.set(id, channel)
    this.app = { ...this.app, channel_ids: [...new Set([...(this.app['channel_ids'] as string[]), id])] }
    return channel
  }

  get socket(): WebSocket {
    return this.sockets.at(-1)!
  }

  send(event: object): void {
    this.socket?.send(JSON.stringify(event))
  }

  /** A channel enters the application. */
  enter(id: string, more: object = {}): void {
    this.send({ type: 'StasisStart', application: 'x', args: [], timestamp: new Date().toISOString(), channel: this.channel(id), ...more })
  }

  /** A client of it that has come so far as nothing else is said, and ends with it. */
  client(options: Partial<ClientOptions> = {}): Client & { ups: Connected[]; downs: Error[]; errors: unknown[] } {
    const noted = { ups: [] as Connected[], downs: [] as Error[], errors: [] as unknown[] }
    const client = new Client({
      url: this.url, username: 'u', password: 'p', app: 'x', keepalive: 100, maxBackoff: 100,
      onConnected: (up) => this.note(() => noted.ups.push(up)),
      onDisconnected: (error) => this.note(() => noted.downs.push(error)),
      onError: (error) => this.note(() => noted.errors.push(error)),
      ...options,
    })
    this.clients.add(client)
    return Object.assign(client, noted)
  }

  note(f: () => void): void {
    f()
    this.changed()
  }

  changed(): void {
    for (const check of [...this.waiting]) check()
  }

  /** Waits until what a test looks at has come to be. */
  until(what: string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(check)
        reject(new Error(`never: ${what}; asked: ${this.asked.map((a) => `${a.method} ${a.path}`).join(', ')}`))
      }, 5000)
      const check = () => {
        if (!condition()) return
        clearTimeout(timer)
        this.waiting.delete(check)
        resolve()
      }
      this.waiting.add(check)
      check()
    })
  }

  count(method: string, path: string | RegExp): number {
    return this.asked.filter((a) => a.method === method && (typeof path === 'string' ? a.path === path : path.test(a.path))).length
  }

  /** Takes no connections any more; those that there are stay open. */
  refuse(): void {
    this.server.close()
  }

  async close(): Promise<void> {
    this.silent = false
    await Promise.all([...this.clients].map((client) => client.close({ signal: AbortSignal.timeout(1000) })))
    for (const socket of this.raw) socket.destroy()
    this.upgrader.close()
    this.server.close()
  }
}
