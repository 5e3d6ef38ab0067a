// What the tests run on: a simulated Asterisk, or with ARI_TEST_SERVER=asterisk a real one.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Ari, Client, newId, type ClientOptions, type Events, type EventType } from '../src/index.js'

const repo = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..')

export const real = process.env['ARI_TEST_SERVER'] === 'asterisk'

export interface Server {
  url: string
  username: string
  password: string
}

let child: ChildProcess | undefined

/** Starts the server; stop ends it. */
export async function start(): Promise<Server> {
  const name = real ? 'asterisk-run' : 'arisim'
  const bin = join(repo, 'clients', 'typescript', 'build', 'bin', name)
  mkdirSync(dirname(bin), { recursive: true })
  execFileSync('go', ['build', '-o', bin, real ? './test/asterisk/cmd/asterisk-run' : './cmd/arisim'], { cwd: repo, stdio: 'inherit' })
  const args = real ? ['22'] : ['-addr', '127.0.0.1:0', '-dialplan', 'test/asterisk/config/extensions.conf']
  child = spawn(bin, args, { cwd: repo, stdio: ['pipe', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = real ? /ARI_URL=(\S+) ARI_USERNAME=(\S+) ARI_PASSWORD=(\S+)/.exec(line) : /at (\S+), user (\S+), password (\S+),/.exec(line)
    if (found) return { url: found[1]!, username: found[2]!, password: found[3]! }
  }
  throw new Error(`${name} has said nothing of its address`)
}

export async function stop(): Promise<void> {
  if (child?.exitCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}

/** A Proxy stands between a client and the server, and fails on demand. */
export class Proxy {
  private readonly pairs = new Set<[net.Socket, net.Socket]>()
  private refusing = false
  private frozen = false

  private constructor(
    private readonly server: net.Server,
    readonly url: string,
  ) {}

  static async open(target: string): Promise<Proxy> {
    const { hostname, port, pathname } = new URL(target)
    const server = net.createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new Proxy(server, `http://127.0.0.1:${(server.address() as net.AddressInfo).port}${pathname}`)
    server.on('connection', (near) => {
      if (proxy.refusing) {
        near.destroy()
        return
      }
      const far = net.connect(Number(port), hostname)
      const pair: [net.Socket, net.Socket] = [near, far]
      proxy.pairs.add(pair)
      for (const [from, to] of [pair, [far, near]] as const) {
        from.on('data', (data) => {
          if (!proxy.frozen) to.write(data)
        })
        from.on('error', () => {})
        from.on('close', () => {
          to.destroy()
          proxy.pairs.delete(pair)
        })
      }
    })
    return proxy
  }

  /** Cuts all connections. */
  cut(): void {
    for (const [near, far] of this.pairs) {
      near.destroy()
      far.destroy()
    }
  }

  /** Cuts all connections, and takes none until told so. */
  down(): void {
    this.refusing = true
    this.cut()
  }

  up(): void {
    this.refusing = false
    this.frozen = false
  }

  /** Lets nothing through any more, and tells nobody: half-open connections. */
  freeze(): void {
    this.frozen = true
  }

  async close(): Promise<void> {
    this.cut()
    this.server.close()
    await once(this.server, 'close')
  }
}

/** What one test needs. All that it makes ends with it. */
export class Scene {
  readonly app = `ts-${newId().slice(4, 14)}`
  readonly ari: Ari
  readonly errors: unknown[] = []
  readonly seen: { type: string; channel?: { id: string } }[] = []
  readonly outages: Error[] = []
  readonly ups: { reconnected: boolean; ended: string[] }[] = []
  private readonly undo: (() => Promise<unknown>)[] = []
  private readonly waiting = new Set<() => void>()

  constructor(readonly server: Server) {
    this.ari = new Ari(server)
  }

  /** A client of the scene's application, connected. */
  async client(options: Partial<ClientOptions> = {}): Promise<Client> {
    const client = this.unconnected(options)
    await client.connect()
    return client
  }

  unconnected(options: Partial<ClientOptions> = {}): Client {
    const client = new Client({
      ...this.server,
      app: this.app,
      maxBackoff: 400,
      onError: (error) => this.note(() => this.errors.push(error)),
      onConnected: (up) => this.note(() => this.ups.push(up)),
      onDisconnected: (error) => this.note(() => this.outages.push(error)),
      ...options,
    })
    client.onAny((event) => this.note(() => this.seen.push(event as (typeof this.seen)[number])))
    this.cleanup(() => client.close({ signal: AbortSignal.timeout(5000) }))
    return client
  }

  private note(f: () => void): void {
    f()
    for (const check of [...this.waiting]) check()
  }

  /** Waits until something has been noted. */
  until(what: string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(check)
        reject(new Error(`never: ${what}; seen: ${this.seen.map((e) => e.type).join(' ')}`))
      }, 20_000)
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

  /** Tells until that something has changed. */
  changed(): void {
    this.note(() => {})
  }

  async proxy(): Promise<Proxy> {
    const proxy = await Proxy.open(this.server.url)
    this.cleanup(() => proxy.close())
    return proxy
  }

  /** A channel in the application, whose other half runs an extension. */
  async channel(client: Client, extension = '1011') {
    const channelId = newId()
    const started = client.waitFor('StasisStart', { channel: channelId })
    await client.ari.channels.originate({ endpoint: `Local/${extension}@default`, app: this.app, channelId })
    this.cleanup(() => this.ari.channel(channelId).hangup().catch(() => {}))
    return (await started).channel
  }

  /** A call that comes in: a channel that the dialplan leads into the application. */
  async call(client: Client, extension = '1011'): Promise<Events['StasisStart']> {
    const id = newId()
    const started = client.waitFor('StasisStart', { match: (event) => event.channel.id === `${id};2` || event.channel.id === id + 'b' })
    await this.ari.channels.originate({
      endpoint: `Local/app-${this.app}@default`, context: 'default', extension, priority: 1, channelId: id, otherChannelId: id + 'b',
    })
    this.cleanup(() => this.ari.channel(id).hangup().catch(() => {}))
    this.cleanup(() => this.ari.channel(id + 'b').hangup().catch(() => {}))
    return started
  }

  types(channel: string): string[] {
    return this.seen.filter((event) => event.channel?.id === channel).map((event) => event.type)
  }

  cleanup(f: () => Promise<unknown>): void {
    this.undo.push(f)
  }

  async end(): Promise<void> {
    for (const f of this.undo.reverse()) await f()
  }
}

export type { EventType }
