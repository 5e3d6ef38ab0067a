import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { Client, EndedError, newId, type Event, type UnknownEvent } from '../src/index.js'
import { Calls } from '../src/calls.js'
import { Aborts } from '../src/aborts.js'
import { Lanes, laneLimit } from '../src/lanes.js'
import { Tokens } from '../src/limits.js'

const next = () => new Promise((resolve) => setImmediate(resolve))

test('lanes keep order for a key, and run keys side by side', async () => {
  const lanes = new Lanes(() => assert.fail('nothing is dropped'))
  const done: string[] = []
  const release: (() => void)[] = []
  for (const name of ['a1', 'a2', 'b1', 'a3']) {
    lanes.add(name[0]!, false, async () => {
      if (name === 'a1') await new Promise<void>((resolve) => release.push(resolve))
      done.push(name)
    })
  }
  await next()
  assert.deepEqual(done, ['b1'])
  release[0]!()
  await lanes.whenIdle()
  assert.deepEqual(done, ['b1', 'a1', 'a2', 'a3'])
  await lanes.whenIdle() // nothing to wait for
})

test('a full lane drops what may be dropped, and tells when that begins and when it is over', async () => {
  const told: [string, number, boolean][] = []
  const lanes = new Lanes((...what) => told.push(what))
  let release: () => void = () => {}
  lanes.add('a', false, () => new Promise((resolve) => (release = resolve)))
  await next()
  let ran = 0
  let vital = 0
  for (let i = 0; i < laneLimit + 7; i++) lanes.add('a', false, async () => void ran++)
  lanes.add('a', true, async () => void vital++)
  lanes.add('b', false, async () => void ran++) // another lane has room
  release()
  await lanes.whenIdle()
  assert.equal(ran, laneLimit + 1)
  assert.equal(vital, 1)
  assert.deepEqual(told, [['a', 1, false], ['a', 7, true]])
})

test('a lane that was cleared finishes only what runs', async () => {
  const lanes = new Lanes(() => {})
  let release: () => void = () => {}
  let ran = 0
  lanes.add('a', false, () => new Promise((resolve) => (release = resolve)))
  lanes.add('a', false, async () => void ran++)
  lanes.clear()
  release()
  await lanes.whenIdle()
  assert.equal(ran, 0)
})

test('a token that is handed out to somebody who gives up at that moment goes on', async () => {
  const [tokens, aborts, never] = [new Tokens(1), new Aborts(), new AbortController().signal]
  await tokens.take(never, aborts)
  const [impatience, order] = [new AbortController(), [] as string[]]
  const impatient = tokens.take(impatience.signal, aborts)
  const next = tokens.take(never, aborts).then(() => order.push('next'))
  tokens.give()
  impatience.abort(new Error('enough'))
  await assert.rejects(impatient, /enough/)
  await next
  assert.deepEqual(order, ['next'])
})

test('calls end once, in the application that they are in', () => {
  const calls = new Calls()
  calls.begin('a', '1')
  calls.begin('a', '1') // told twice
  calls.begin('b', '1') // it moves from a to b, which is told first
  const [inA, inB] = [calls.get('a', '1')!.signal, calls.get('b', '1')!.signal]
  const ends: string[] = []
  calls.onEnd('1', (error) => ends.push(error.end))
  calls.onEnd('1', () => assert.fail('was taken away'))()
  calls.end('a', '1', new EndedError('leftStasis', ''))
  assert.equal(inA.aborted, true)
  assert.equal(inB.aborted, false)
  assert.deepEqual(ends, [], 'it is in an application still')
  calls.destroyed('1', new EndedError('destroyed', '', 16))
  assert.equal((inB.reason as EndedError).hangupCause, 16)
  assert.deepEqual(ends, ['destroyed'])
  calls.destroyed('1', new EndedError('destroyed', ''))
  assert.equal(ends.length, 1)
  assert.deepEqual(calls.list(), [])
})

test('only a channel that was there can be missed', () => {
  const calls = new Calls()
  const stop = [calls.onEnd('1', () => {}), calls.onEnd('2', () => {})]
  calls.see('1')
  calls.see('3')
  assert.deepEqual(calls.waitedFor(), ['1'])
  for (const f of stop) f()
  assert.deepEqual(calls.waitedFor(), [])
})

test('ids have one length, and none begins another', () => {
  const ids = Array.from({ length: 1000 }, newId)
  assert.equal(new Set(ids).size, 1000)
  for (const id of ids) assert.match(id, /^ari-[0-9a-f]{24}$/)
})

test('wrong names of applications are refused', () => {
  for (const app of ['', 'a,b', []]) assert.throws(() => new Client({ url: 'http://127.0.0.1', username: '', password: '', app }), TypeError)
})

test('what is unknown is handed on, and what is no event is reported', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const errors: unknown[] = []
  const seen: (Event | UnknownEvent)[] = []
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ari`
  const client = new Client({ url, username: 'a', password: 'b:c', app: 'x', onError: (error) => errors.push(error) })
  const last = new Promise<void>((resolve) => {
    client.onAny((event) => {
      seen.push(event)
      if (event.type === 'Last') resolve()
    })
  })
  server.on('connection', (socket, request) => {
    assert.equal(request.headers.authorization, `Basic ${Buffer.from('a:b:c').toString('base64')}`)
    assert.equal(request.url, '/ari/events?app=x')
    for (const frame of ['{', '[]', 'null', '{"type":1}', '{"type":"New","more":{"a":1}}', '{"type":"StasisStart"}', '{"type":"ChannelVarset","channel":"odd"}']) socket.send(frame)
    socket.send(Buffer.from([1, 2, 3])) // no text
    socket.send('{"type":"Last"}')
  })
  await client.connect()
  await last
  assert.deepEqual(seen.map((event) => event.type), ['New', 'StasisStart', 'ChannelVarset', 'Last'])
  assert.deepEqual((seen[0] as UnknownEvent)['more'], { a: 1 })
  assert.equal(errors.length, 4)
  await client.close()
  server.close()
})

// The types, as far as a compiler tells them.

export async function types(client: Client): Promise<void> {
  client.on('StasisStart', (event) => {
    const args: string[] = event.args
    // @ts-expect-error the event has no such member
    void event.digit
    return event.channel.play({ media: args }).then((playback) => void playback.state)
  })
  client.on(['ChannelDtmfReceived', 'ChannelHold'], (event) => {
    if (event.type === 'ChannelDtmfReceived') void event.digit
    else void event.musicclass
  })
  // @ts-expect-error there is no such event
  client.on('NoSuchEvent', () => {})
  // @ts-expect-error what is required is missing
  await client.ari.channels.originate({ app: 'x' })
  // @ts-expect-error no such reason
  await client.ari.channel('x').hangup({ reason: 'bored' })
  // @ts-expect-error a handle has no snapshot
  void client.ari.channel('x').state
  const infos = await client.ari.asterisk.getInfo({ only: ['system'] })
  void infos.system?.version
}
