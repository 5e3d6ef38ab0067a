import type { Channel, Commands } from './api.gen.js'
import type { Call, Calls } from './calls.js'
import type { Init } from './request.js'
import { sourcesOf } from './wanted.js'

/** What has happened while there was no connection. */
export interface Found {
  /** The channels that there are. */
  channels: ReadonlyMap<string, Channel>
  /** Calls that are over. */
  over: Call[]
  /** Channels that somebody waits for, and that are no more. */
  gone: string[]
  /** Channels that have come in. */
  entered: { application: string; channel: Channel; args: string[] }[]
}

/**
 * Asks Asterisk what has become of the calls that were known before this connection, and what has come in meanwhile: it sends no events for
 * that. What was told of on this connection isn't judged: it may be newer than the answers. Keeps says whether an application hears of a
 * channel wherever that is.
 */
export async function compare(
  ari: Commands,
  apps: readonly string[],
  calls: Calls,
  keeps: (app: string, channel: string) => boolean,
  init: Init,
): Promise<Found> {
  calls.compare()
  const waitedFor = calls.waitedFor()
  const channels = new Map((await ari.channels.list(init)).map((channel) => [channel.id, channel]))
  const heard = new Map<string, Set<string>>()
  for (const app of apps) heard.set(app, sourcesOf(await ari.application(app).refresh(init)))
  const hears = (app: string, id: string) => heard.get(app)?.has('channel:') || heard.get(app)?.has(`channel:${id}`) || false

  // An application may hear of a channel that has left it, so that alone doesn't tell. One that it was not asked to hear of it does only
  // while the channel is in it.
  const proves = (app: string, id: string) => hears(app, id) && !heard.get(app)!.has('channel:') && !keeps(app, id)
  const lasts = ({ application, channel, snapshot }: Call) => {
    const now = channels.get(channel)
    return now !== undefined && inStasis(now) !== false && hears(application, channel) && !moved(snapshot as Channel | undefined, now)
  }
  const over = calls.list(true).filter((call) => !lasts(call))
  const gone = waitedFor.filter((id) => !channels.has(id))

  const stays = new Set(calls.list().filter((call) => !over.includes(call)).map((call) => call.channel))
  const entered = []
  for (const channel of channels.values()) {
    const [application = '', ...args] = (channel.dialplan?.app_data ?? '').split(',')
    if (inStasis(channel) !== true || stays.has(channel.id) || calls.hasLeft(channel.id) || !apps.includes(application) || !hears(application, channel.id)) continue
    entered.push({ application, channel, args, proven: proves(application, channel.id) })
  }
  // A channel that was moved to somebody else's application still shows ours.
  const elsewhere = entered.some(({ proven }) => !proven) ? await others(ari, apps, init) : undefined
  return { channels, over, gone, entered: entered.filter(({ channel, proven }) => proven || !elsewhere!.has(`channel:${channel.id}`)) }
}

/** Whether any of the applications hears of a channel, wherever that is. */
export async function isHeard(ari: Commands, apps: readonly string[], channel: string, init: Init): Promise<boolean> {
  const all = await Promise.all(apps.map((app) => ari.application(app).refresh(init)))
  return all.map(sourcesOf).some((heard) => heard.has('channel:') || heard.has(`channel:${channel}`))
}

/** Whether a channel is in an application; undefined if an old Asterisk doesn't tell. */
function inStasis(channel: Channel): boolean | undefined {
  const name = channel.dialplan?.app_name as string | null | undefined
  return typeof name === 'string' ? name.startsWith('Stasis') : undefined
}

/** Whether a channel is at another place in the dialplan than it was: it has left, and may have come back. */
function moved(was: Channel | undefined, now: Channel): boolean {
  const place = (channel: Channel | undefined) => {
    const { context, exten, priority } = channel?.dialplan ?? {}
    return context === undefined || exten === undefined ? undefined : `${context},${exten},${priority}`
  }
  const [before, after] = [place(was), place(now)]
  return before !== undefined && after !== undefined && before !== after
}

async function others(ari: Commands, apps: readonly string[], init: Init): Promise<Set<string>> {
  const all = await ari.applications.list(init)
  return new Set(all.filter((app) => !apps.includes(app.name)).flatMap((app) => [...sourcesOf(app)]))
}
