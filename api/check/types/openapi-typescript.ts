// Compiles only if a union narrows by type to each of its messages, and if answers, errors and bodies are typed.
import type { components, operations, paths } from '../build/openapi.js'

type AnyMessage = components['schemas']['AnyMessage']

// read names a member that only the message of that type has.
export function read(message: AnyMessage): string | undefined {
  switch (message.type) {
    case 'ApplicationMoveFailed':
      return JSON.stringify(message.args)
    case 'ApplicationRegistered':
      return JSON.stringify(message.application)
    case 'ApplicationReplaced':
      return JSON.stringify(message.application)
    case 'ApplicationUnregistered':
      return JSON.stringify(message.application)
    case 'BridgeAttendedTransfer':
      return JSON.stringify(message.destination_type)
    case 'BridgeBlindTransfer':
      return JSON.stringify(message.channel)
    case 'BridgeCreated':
      return JSON.stringify(message.bridge)
    case 'BridgeDestroyed':
      return JSON.stringify(message.bridge)
    case 'BridgeMerged':
      return JSON.stringify(message.bridge)
    case 'BridgeVideoSourceChanged':
      return JSON.stringify(message.bridge)
    case 'CallBroadcast':
      return JSON.stringify(message.channel)
    case 'CallClaimed':
      return JSON.stringify(message.channel)
    case 'ChannelCallerId':
      return JSON.stringify(message.caller_presentation)
    case 'ChannelConnectedLine':
      return JSON.stringify(message.channel)
    case 'ChannelCreated':
      return JSON.stringify(message.channel)
    case 'ChannelDestroyed':
      return JSON.stringify(message.cause)
    case 'ChannelDialplan':
      return JSON.stringify(message.channel)
    case 'ChannelDtmfReceived':
      return JSON.stringify(message.channel)
    case 'ChannelEnteredBridge':
      return JSON.stringify(message.bridge)
    case 'ChannelHangupRequest':
      return JSON.stringify(message.channel)
    case 'ChannelHold':
      return JSON.stringify(message.channel)
    case 'ChannelLeftBridge':
      return JSON.stringify(message.bridge)
    case 'ChannelStateChange':
      return JSON.stringify(message.channel)
    case 'ChannelTalkingFinished':
      return JSON.stringify(message.channel)
    case 'ChannelTalkingStarted':
      return JSON.stringify(message.channel)
    case 'ChannelToneDetected':
      return JSON.stringify(message.channel)
    case 'ChannelTransfer':
      return JSON.stringify(message.refer_to)
    case 'ChannelUnhold':
      return JSON.stringify(message.channel)
    case 'ChannelUserevent':
      return JSON.stringify(message.eventname)
    case 'ChannelVarset':
      return JSON.stringify(message.value)
    case 'ContactStatusChange':
      return JSON.stringify(message.contact_info)
    case 'DeviceStateChanged':
      return JSON.stringify(message.device_state)
    case 'Dial':
      return JSON.stringify(message.dialstatus)
    case 'EndpointStateChange':
      return JSON.stringify(message.endpoint)
    case 'MissingParams':
      return JSON.stringify(message.params)
    case 'PeerStatusChange':
      return JSON.stringify(message.endpoint)
    case 'PlaybackContinuing':
      return JSON.stringify(message.playback)
    case 'PlaybackFinished':
      return JSON.stringify(message.playback)
    case 'PlaybackStarted':
      return JSON.stringify(message.playback)
    case 'RESTResponse':
      return JSON.stringify(message.reason_phrase)
    case 'RecordingFailed':
      return JSON.stringify(message.recording)
    case 'RecordingFinished':
      return JSON.stringify(message.recording)
    case 'RecordingStarted':
      return JSON.stringify(message.recording)
    case 'StasisEnd':
      return JSON.stringify(message.channel)
    case 'StasisStart':
      return JSON.stringify(message.args)
    case 'TextMessageReceived':
      return JSON.stringify(message.message)
    default: {
      const none: never = message // fails when a type is missing above
      return none
    }
  }
}

// Each type is a literal: no other one fits.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
export const literal: Same<Extract<AnyMessage, { type: 'StasisStart' }>['type'], 'StasisStart'> = true
// @ts-expect-error no message has this type
export const unknown: AnyMessage['type'] = 'NoSuchEvent'

type Originate = operations['channelsOriginate']
export function answer(status: 200 | 400, body: unknown): string | undefined {
  if (status === 200) return (body as Originate['responses'][200]['content']['application/json']).state satisfies components['schemas']['ChannelState']
  return (body as Originate['responses'][400]['content']['application/json']).message
}
export const failure: Originate['responses']['default']['content']['application/json'] = { message: 'Authentication required' }
export const request: components['schemas']['ChannelsOriginateBody'] = { endpoint: 'PJSIP/alice', variables: { A: '1', B: { value: '2', report_events: true } } }
export const list: NonNullable<paths['/channels/{channelId}/play']['post']['parameters']['query']>['media'] = ['sound:a', 'sound:b']
export const reason: components['schemas']['HangupReason'] = 'busy'
export const port: components['schemas']['Peer']['port'][] = ['5060', 5060]
