// Compiles only if the client that orval makes has a union of messages and typed answers.
import { channelsOriginate, type AnyMessage } from '../build/orval/ari.js'

export function name(message: AnyMessage): string | undefined {
  return message.type === 'StasisStart' ? message.channel.name : message.type === 'ChannelDtmfReceived' ? message.digit : undefined
}

export async function originate(): Promise<string | undefined> {
  const answer = await channelsOriginate({}, { endpoint: 'PJSIP/alice', app: 'hello' })
  return answer.status === 200 ? answer.data.id : answer.data.message
}
