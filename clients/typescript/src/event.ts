import type { UnknownEvent } from './client.js'

/** These begin or end something: no full lane drops them. */
export const vital: readonly string[] = ['StasisStart', 'StasisEnd', 'ChannelDestroyed', 'BridgeDestroyed', 'PlaybackFinished', 'RecordingFinished', 'RecordingFailed', 'Dial']

export function idOf(value: unknown): string | undefined {
  const id = (value as { id?: unknown } | null | undefined)?.id
  return typeof id === 'string' ? id : undefined
}

/** The application that an event came to, and the channel that it is about, if it is about one. */
export function aboutChannel(event: UnknownEvent): [application: string, channel: string | undefined] {
  const { application } = event
  return [typeof application === 'string' ? application : '', channelsOf(event)[0]]
}

/** The channels that an event is about: that of a playback or recording is one, too. */
export function channelsOf(event: UnknownEvent): string[] {
  const out = [event['channel'], event['peer'], event['caller'], event['replace_channel']].map(idOf).filter((id) => id !== undefined)
  for (const member of ['playback', 'recording']) {
    const target = (event[member] as { target_uri?: unknown } | null | undefined)?.target_uri
    if (typeof target === 'string' && target.startsWith('channel:')) out.push(target.slice('channel:'.length))
  }
  return out
}

/** What an event's order is kept with: its channel, else its bridge, playback, recording, endpoint or device. */
export function keyOf(event: UnknownEvent): string {
  const channel = channelsOf(event)[0]
  if (channel !== undefined) return `channel ${channel}`
  const bridge = idOf(event['bridge'])
  if (bridge !== undefined) return `bridge ${bridge}`
  for (const member of ['playback', 'recording', 'endpoint', 'device_state']) {
    const value = event[member] as Record<string, unknown> | null | undefined
    if (!value) continue
    const name = [value['id'], value['target_uri'], value['name'], value['resource']].find((one) => typeof one === 'string')
    return `${member} ${String(name)}`
  }
  return event.type
}
