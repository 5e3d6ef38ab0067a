// Compiles only if the client that hey-api makes has a union of messages, typed answers and typed errors.
import { channelsOriginate, type AnyMessage, type Channel } from '../build/heyapi/index.js'

export function name(message: AnyMessage): string | undefined {
  return message.type === 'StasisStart' ? message.channel.name : message.type === 'ChannelDtmfReceived' ? message.digit : undefined
}

export async function originate(): Promise<Channel> {
  const { data, error } = await channelsOriginate({ query: { endpoint: 'PJSIP/alice', app: 'hello' } })
  if (data) return data
  throw new Error(error?.message ?? error?.error)
}
