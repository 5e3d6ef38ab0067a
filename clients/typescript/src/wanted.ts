import type { Commands, Application } from './api.gen.js'
import { AriError } from './errors.js'
import type { Init } from './request.js'

/** These the client itself lives by, and what it waits for: no filter that is set through it holds them back. */
export const own: readonly string[] = [
  'ApplicationMoveFailed', 'ApplicationReplaced', 'BridgeDestroyed', 'ChannelDestroyed', 'ChannelDialplan', 'ChannelHangupRequest', 'ChannelStateChange',
  'PlaybackFinished', 'RESTResponse', 'RecordingFailed', 'RecordingFinished', 'StasisEnd', 'StasisStart',
]

/** The event sources that stand for all of a kind. */
const allSources = ['channel:', 'bridge:', 'endpoint:', 'deviceState:']

interface Filter {
  allowed?: { type: string }[]
  disallowed?: { type: string }[]
}

/** What an application is subscribed to. Asterisk shows some under other names than they are asked for. */
export function sourcesOf(app: Application): Set<string> {
  const lists: [kind: string, ids: readonly string[] | null | undefined][] = [
    ['channel:', app.channel_ids], ['bridge:', app.bridge_ids], ['endpoint:', app.endpoint_ids], ['deviceState:', app.device_names],
  ]
  return new Set(lists.flatMap(([kind, ids]) => (ids ?? []).map((id) => (/^__AST_.*_ALL_TOPIC$/.test(id) ? kind : kind + id))))
}

/** Wanted is what the applications have been told, and must be told again when Asterisk has forgotten it. */
export class Wanted {
  private readonly sources = new Map<string, Set<string>>() // by application
  private readonly filters = new Map<string, Filter>()

  constructor(
    private readonly apps: readonly string[],
    private readonly subscribeAll: boolean,
    subscriptions: readonly string[],
    events: readonly string[] | undefined,
  ) {
    for (const app of apps) {
      this.sources.set(app, new Set(subscriptions))
      if (events) this.filters.set(app, withOwn({ allowed: events.map((type) => ({ type })) }))
    }
  }

  /** Lets a filter of one of the applications pass what the client lives by. */
  before(operation: string, options: Record<string, unknown>): Record<string, unknown> {
    if (operation !== 'applicationsFilter' || !this.apps.includes(String(options['applicationName']))) return options
    return { ...options, ...withOwn(options as Filter) }
  }

  /** Takes note of what has been wanted of one of the applications. */
  after(operation: string, options: Record<string, unknown>): void {
    const app = String(options['applicationName'])
    const sources = this.sources.get(app)
    if (!sources) return
    const named = [options['eventSource'] ?? []].flat() as string[]
    if (operation === 'applicationsSubscribe') for (const source of named) sources.add(source)
    else if (operation === 'applicationsUnsubscribe') for (const source of named) sources.delete(source)
    else if (operation === 'applicationsFilter') {
      const { allowed, disallowed } = options as Filter
      // A list that is left out stays as it was; without both, all passes.
      if (!allowed && !disallowed) this.filters.delete(app)
      else this.filters.set(app, { ...this.filters.get(app), ...(allowed ? { allowed } : {}), ...(disallowed ? { disallowed } : {}) })
    }
  }

  /** A channel or bridge is no more, and so are the subscriptions to it. */
  gone(source: string): void {
    for (const sources of this.sources.values()) sources.delete(source)
  }

  /** Whether one of the applications has asked to hear of a channel wherever it is. */
  keeps(app: string, channel: string): boolean {
    const sources = this.sources.get(app)
    return this.subscribeAll || sources?.has('channel:') === true || sources?.has(`channel:${channel}`) === true
  }

  /** Whether a filter lets pass all events of a type. */
  passes(app: string, type: string): boolean {
    const { allowed, disallowed } = this.filters.get(app) ?? {}
    return !disallowed?.some((one) => one.type === type) && (!allowed?.length || allowed.some((one) => one.type === type))
  }

  /**
   * Tells Asterisk what it has forgotten, or never knew. Again says that it is not the first time: then what it refuses is reported only,
   * since what that names may be gone, which is no reason to stay away.
   */
  async restore(ari: Commands, again: boolean, init: Init, report: (error: unknown) => void): Promise<void> {
    for (const name of this.apps) {
      const filter = this.filters.get(name)
      // It ignores subscribeAll where the application still exists from before.
      const sources = [...(again && this.subscribeAll ? allSources : []), ...this.sources.get(name)!]
      if (!again && sources.length === 0 && !filter) continue
      const app = ari.application(name)
      // 404 means that Asterisk has taken the new connection for the old one. What is subscribed to twice sends events twice.
      const has = sourcesOf(await app.refresh(init))
      const refused = (error: unknown) => {
        if (!again || !(error instanceof AriError) || error.status < 400 || error.status >= 500) throw error
        report(error)
      }
      if (filter) await app.filter(filter as object, init).catch(refused)
      for (const source of sources) {
        if (has.has(source) || (has.has(source.slice(0, source.indexOf(':') + 1)) && !source.endsWith(':'))) continue
        try {
          await app.subscribe({ eventSource: [source] }, init)
          has.add(source)
        } catch (error) {
          refused(error)
          if (/^(channel|bridge):./.test(source)) this.gone(source)
        }
      }
    }
  }
}

function withOwn({ allowed, disallowed }: Filter): Filter {
  const add = allowed?.length ? own.filter((type) => !allowed.some((one) => one.type === type)) : []
  return {
    ...(allowed ? { allowed: [...allowed, ...add.map((type) => ({ type }))] } : {}),
    ...(disallowed ? { disallowed: disallowed.filter(({ type }) => !own.includes(type)) } : {}),
  }
}
