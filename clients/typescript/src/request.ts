import { randomBytes } from 'node:crypto'
import createClient from 'openapi-fetch'
import { Aborts, manyMayListen } from './aborts.js'
import { baseOf } from './address.js'
import { AriError, reasonOf, type Reason } from './errors.js'
import { Limits } from './limits.js'
import type { operations, paths } from './openapi.gen.js'

type Empty = Record<never, never>
type Given<T> = [T] extends [never] ? Empty : NonNullable<T> extends never ? Empty : NonNullable<T>
type Part<Op extends keyof operations, In extends 'path' | 'query'> = In extends keyof operations[Op]['parameters'] ? Given<operations[Op]['parameters'][In]> : Empty
type BodyOf<Op extends keyof operations> = operations[Op] extends { requestBody?: infer B }
  ? NonNullable<B> extends { content: { 'application/json': infer T } }
    ? T
    : Empty
  : Empty

/** What an operation takes, whether it goes into the path, the query or the body; without what an object gives itself. */
export type Options<Op extends keyof operations, Own extends PropertyKey = never> = Omit<Part<Op, 'path'>, Own> &
  Part<Op, 'query'> &
  Omit<BodyOf<Op>, keyof Part<Op, 'query'>>

/** What can be said of a single request. */
export interface Init {
  /** Ends the request. Commands that block by nature, such as answer and addChannel, have no time limit of their own. */
  signal?: AbortSignal
}

/** What is known of an operation. */
export interface OperationInfo {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly query?: readonly string[]
  readonly required?: readonly string[]
  readonly body?: readonly string[]
  readonly result?: string
  readonly binary?: boolean
  /** The option with the id of what is made. */
  readonly id?: string
}

/** Where an Asterisk is, and who asks. */
export interface ConnectionOptions {
  /** The base URL, such as `http://127.0.0.1:8088/ari`. */
  url: string
  username: string
  password: string
  /**
   * Lets user and password go to any host without TLS. By default they go in clear text to this machine only, and with a warning to a
   * private address or a name without a domain.
   */
  cleartextCredentials?: boolean
  /** Used in place of the global fetch. */
  fetch?: (request: Request) => Promise<Response>
}

/** Makes an object of a snapshot. */
export type Bind = (requester: Requester, type: string, snapshot: object) => object

// Asterisk takes a request line of 4096 bytes.
const longestQuery = 3000

// No path or query can hold these: Asterisk ends what it reads at a NUL, and half a surrogate pair has no encoding.
const unsendable = /[\0\p{Surrogate}]/u

// What the list of a query gives a meaning to. In a JSON body it has none.
const special = /[,"\\[\]()]/

/** Returns an id for something that is to be made. All have one length: Asterisk refuses an id that begins with that of a live channel. */
export function newId(): string {
  return `ari-${randomBytes(12).toString('hex')}`
}

/** What a client does before and after its commands. */
export interface Hooks {
  /** Returns what is sent in place of the options. */
  before?(operation: string, options: Record<string, unknown>): Record<string, unknown>
  /** The command has had its answer; error is undefined if it was a good one. */
  after?(operation: string, options: Record<string, unknown>, error: unknown): void
}

interface Fetched {
  data?: unknown
  error?: unknown
  response: Response
}

/** A Requester sends commands. */
export class Requester {
  hooks: Hooks = {}
  // Nobody who prints a client sees into these.
  readonly #client
  readonly #pending = new Set<AbortController>()
  #reading = manyMayListen() // ends the bodies that are read as they come
  readonly #aborts = new Aborts()
  readonly #limits = new Limits()
  readonly #table: Record<string, OperationInfo>
  readonly #bind: Bind

  constructor(options: ConnectionOptions, table: Record<string, OperationInfo>, bind: Bind) {
    this.#client = createClient<paths>({
      baseUrl: baseOf(options),
      headers: { Authorization: authorization(options.username, options.password) },
      querySerializer: { array: { style: 'form', explode: false } },
      redirect: 'manual', // A command that is redirected would become a GET.
      ...(options.fetch ? { fetch: options.fetch } : {}),
    })
    this.#table = table
    this.#bind = bind
  }

  /** Makes an object of a snapshot. */
  bind(type: string, snapshot: object): object {
    return this.#bind(this, type, snapshot)
  }

  /** Ends all commands that wait for an answer, since Asterisk gives no sign of life any more. */
  abandon(reason: Error): void {
    for (const abort of [...this.#pending]) abort.abort(reason)
    this.#reading.abort(reason)
    this.#reading = manyMayListen()
  }

  async send(operation: string, own: Record<string, string>, options: object | undefined, init: Init = {}): Promise<unknown> {
    init.signal?.throwIfAborted()
    let info = this.#table[operation]
    if (!info) throw new TypeError(`there is no operation ${operation}`)
    let all: Record<string, unknown> = { ...options, ...own }
    if (info.id !== undefined) all[info.id] ??= newId()
    if (operation === 'bridgesCreate' && all['variables'] !== undefined) {
      // There Asterisk takes all members of the body for variables.
      operation = 'bridgesCreateWithId'
      info = this.#table[operation]!
    }
    all = this.hooks.before?.(operation, all) ?? all
    try {
      const result = await this.#sendOnce(operation, info, sort(operation, info, all), init)
      this.hooks.after?.(operation, all, undefined)
      return result
    } catch (error) {
      this.hooks.after?.(operation, all, error)
      throw error
    }
  }

  async #sendOnce(operation: string, info: OperationInfo, request: Sorted, { signal }: Init): Promise<unknown> {
    const failed = (reason: Reason, message: string, more: object = {}) =>
      new AriError({ operation, method: info.method, path: filled(info.path, request.path), reason, message, ...more })
    // Each command has a signal of its own: one for all would have a listener for each.
    const abort = new AbortController()
    this.#pending.add(abort)
    const unlink = this.#aborts.link(signal, () => abort.abort(signal!.reason))
    try {
      const { data, error, response } = await this.#limits.run(operation, info.method, abort.signal, this.#aborts, () =>
        this.#fetch(info, request, info.binary ? AbortSignal.any([...(signal ? [signal] : []), abort.signal, this.#reading.signal]) : abort.signal),
      )
      if (!response.ok) {
        const body = typeof error === 'object' && error !== null ? error : undefined
        const { message, error: other } = (body ?? {}) as { message?: unknown; error?: unknown }
        const text = [message, other].find((one) => typeof one === 'string') ?? response.statusText
        throw failed(reasonOf(response.status), text as string, { status: response.status, body })
      }
      if (info.binary) return response
      if (!fits(info, data)) throw failed('protocol', 'the answer has another shape', { status: response.status })
      return this.#result(info, data)
    } catch (error) {
      if (error instanceof AriError) throw error
      signal?.throwIfAborted()
      if (error instanceof SyntaxError) throw failed('protocol', 'the answer is no JSON', { cause: error })
      throw failed('connection', `no answer: ${textOf(error)}`, { cause: error })
    } finally {
      this.#pending.delete(abort)
      unlink()
    }
  }

  async #fetch(info: OperationInfo, request: Sorted, signal: AbortSignal): Promise<Fetched> {
    // The types of one operation are checked where it is called.
    const raw = this.#client.request as unknown as (method: string, path: string, init: object) => Promise<Fetched>
    const init = {
      params: { path: request.path, query: request.query },
      ...(request.body ? { body: request.body } : {}),
      signal,
      parseAs: info.binary ? 'stream' : 'json',
    }
    const send = () => raw(info.method.toLowerCase(), info.path, init)
    try {
      return await send()
    } catch (error) {
      // An idle connection may have been closed at the very moment it was used again.
      if ((info.method === 'GET' || info.method === 'DELETE') && closedOnUse(error) && !signal.aborted) return send()
      throw error
    }
  }

  #result(info: OperationInfo, data: unknown): unknown {
    const type = info.result
    if (type === undefined) return data
    return Array.isArray(data) ? data.map((item: object) => this.bind(type, item)) : this.bind(type, data as object)
  }
}

/** Returns the Authorization header of a user. */
export function authorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

interface Sorted {
  path: Record<string, string>
  query: Record<string, unknown>
  body: Record<string, unknown> | undefined
}

/** Puts options where they belong, and refuses what Asterisk would take for something else. */
function sort(operation: string, info: OperationInfo, all: Record<string, unknown>): Sorted {
  const refuse = (message: string) => new AriError({ operation, method: info.method, path: info.path, reason: 'invalid', message })
  const out: Sorted = { path: {}, query: {}, body: undefined }
  const names = [...info.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)
  for (const name of names) {
    const value = all[name]
    // An empty segment, or one of dots, makes another path.
    if (typeof value !== 'string' || value === '' || value === '.' || value === '..' || unsendable.test(value)) throw refuse(`${name} is ${JSON.stringify(value) ?? 'missing'}`)
    out.path[name] = value
  }
  for (const name of info.required ?? []) if (isMissing(all[name])) throw refuse(`${name} is missing`)
  if (info.id !== undefined && all[info.id] === '') throw refuse(`${info.id} is ""`)
  for (const [name, value] of Object.entries(all)) {
    if (value === undefined || value === null || names.includes(name)) continue
    if (info.body?.includes(name)) (out.body ??= {})[name] = value
    else if (!info.query?.includes(name)) throw refuse(`there is no option ${name}`)
    else if (![value].flat().every(isSendable)) throw refuse(`${name} is nothing that can be sent`)
    else if (Array.isArray(value) && value.some((item) => special.test(String(item)))) {
      if (info.method !== 'GET') (out.body ??= {})[name] = value
      else if (value.some((item) => String(item).replace(/\([^()]*\)/g, '').includes(','))) throw refuse(`an item of ${name} holds a comma`)
      else out.query[name] = value
    } else out.query[name] = value
  }
  if (lengthOf(out.query) > longestQuery) {
    if (info.method === 'GET') throw refuse('the options are too long for one request')
    out.body = { ...out.query, ...out.body }
    out.query = {}
  }
  try {
    JSON.stringify(out.body)
  } catch (error) {
    throw refuse(`the body can't be encoded: ${textOf(error)}`)
  }
  return out
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && (value.length === 0 || value.includes('')))
}

/** Whether a value, or the item of a list, can go into a query. */
function isSendable(value: unknown): boolean {
  if (typeof value === 'string') return !unsendable.test(value)
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}

/** Whether an answer is what its operation returns: an object, or a list of them. */
function fits(info: OperationInfo, data: unknown): boolean {
  if (info.result === undefined) return true
  return [data].flat().every((one) => typeof one === 'object' && one !== null)
}

function lengthOf(query: Record<string, unknown>): number {
  return Object.entries(query).reduce((sum, [name, value]) => sum + name.length + encodeURIComponent(String(value)).length + 2, 0)
}

function filled(template: string, path: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''))
}

function closedOnUse(error: unknown): boolean {
  const code = ((error as { cause?: { code?: unknown } }).cause?.code ?? '') as string
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(code)
}

function textOf(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause
  return cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error)
}

/** A Resource sends commands that are about no object yet. */
export class Resource {
  protected declare readonly requester: Requester

  constructor(requester: Requester) {
    Object.defineProperty(this, 'requester', { value: requester })
  }
}

/** A Handle sends commands on one object. */
export class Handle {
  protected declare readonly requester: Requester

  constructor(requester: Requester, keys: object) {
    // Hidden, so that a snapshot printed or encoded shows what Asterisk sent.
    Object.defineProperty(this, 'requester', { value: requester })
    // What a newer Asterisk may send under the name of a command must not take its place.
    for (const [name, value] of Object.entries(keys)) if (!(name in this)) (this as Record<string, unknown>)[name] = value
  }
}
