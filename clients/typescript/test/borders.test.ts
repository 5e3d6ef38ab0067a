// What nobody would send, ask for or set, and what has to come of it all the same.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { Ari, AriError, Client, EndedError, type Reason } from '../src/index.js'
import { Fake } from './fake.js'

function scenario(name: string, run: (fake: Fake) => Promise<void>): void {
  test(name, { timeout: 20_000 }, async () => {
    const fake = await Fake.open()
    try {
      await run(fake)
    } finally {
      await fake.close()
    }
  })
}

const failsFor = (reason: Reason, text = /./) => (error: unknown) => {
  assert.ok(error instanceof AriError, String(error))
  assert.equal(error.reason, reason, error.message)
  assert.match(error.message, text)
  return true
}

const odd = '{"toString":1}' // String() throws

scenario('no frame ends the program', async (fake) => {
  const client = fake.client({ keepalive: 60_000 })
  let seen = 0
  client.onAny((event) => fake.note(() => seen++ || event))
  await client.connect()
  const frames = [
    `{"type":"X","application":${odd}}`, `{"type":"StasisStart","application":${odd},"channel":{"id":"1"}}`, `{"type":"StasisEnd","application":${odd},"channel":{"id":${odd}}}`,
    `{"type":"X","endpoint":{"id":${odd},"resource":${odd}}}`, `{"type":"X","playback":{"id":${odd},"target_uri":${odd}}}`, `{"type":"ChannelUserevent","eventname":${odd},"application":${odd}}`,
    '{"type":"BridgeDestroyed","bridge":1}', '{"type":"ChannelDestroyed","channel":[]}', '{"type":"__proto__"}', '{"type":"constructor"}',
  ]
  for (const frame of frames) fake.socket.send(frame)
  await fake.until('all came', () => seen === frames.length)
  assert.deepEqual(client.errors, [])
})

scenario('a time that is longer than any timer is refused, and the longest one is none that passes at once', async (fake) => {
  for (const ms of [0, -1, NaN, Infinity, 2 ** 31]) {
    assert.throws(() => fake.client({ keepalive: ms }), /keepalive is no time/)
    assert.throws(() => fake.client({ maxBackoff: ms }), /maxBackoff is no time/)
  }
  const longest = fake.client({ keepalive: 2 ** 31 - 1, maxBackoff: 2 ** 31 - 1, subscriptions: ['bridge:'] })
  await longest.connect()
  assert.equal(longest.connected, true)
})

scenario('what can be put into no request is refused, and not taken for a fault of the connection', async (fake) => {
  const ari = new Ari({ url: fake.url, username: 'u', password: 'p' })
  const channel = ari.channel('c')
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  const refused: [text: RegExp, send: () => Promise<unknown>][] = [
    [/channelId is "\\ud800"/, () => ari.channel('\ud800').answer()],
    [/channelId is "a\\u0000b"/, () => ari.channel('a\0b').hangup()],
    [/value is nothing that can be sent/, () => channel.setChannelVar({ variable: 'A', value: 'a\0b' })],
    [/value is nothing that can be sent/, () => channel.setChannelVar({ variable: 'A', value: '\udc00' })],
    [/media is nothing that can be sent/, () => channel.play({ media: ['sound:a', '\0'] })],
    [/media is nothing that can be sent/, () => channel.play({ media: { a: 1 } as never })],
    [/lang is nothing that can be sent/, () => channel.play({ media: ['sound:a'], lang: (() => 1) as never })],
    [/offsetms is nothing that can be sent/, () => channel.play({ media: ['sound:a'], offsetms: NaN })],
    [/media is missing/, () => channel.play({ media: [] })],
    [/media is missing/, () => channel.play({ media: [''] })],
    [/direction is missing/, () => channel.mute({ direction: null as never })],
    [/channelId is ""/, () => ari.channels.originate({ endpoint: 'x', channelId: '' })],
    [/playbackId is ""/, () => channel.play({ media: ['sound:a'], playbackId: '' })],
    [/the body can't be encoded/, () => ari.channels.originate({ endpoint: 'x', variables: cyclic as never })],
    [/the body can't be encoded/, () => ari.channels.originate({ endpoint: 'x', variables: { a: 1n } as never })],
  ]
  for (const [text, send] of refused) await assert.rejects(send, failsFor('invalid', text))
  assert.equal(fake.asked.length, 0)
  await channel.setChannelVar({ variable: 'A', value: '' }) // an empty value is one
  await channel.play({ media: ['sound:a'], lang: null as never }) // what is left out
  assert.deepEqual([...fake.asked.at(-1)!.query.keys()], ['media', 'playbackId'])
})

scenario('an answer of another shape is no lost connection, and no object', async (fake) => {
  const ari = new Ari({ url: fake.url, username: 'u', password: 'p' })
  for (const body of ['text', null, undefined, [null], [1, { id: 'x' }]]) {
    fake.answer = () => ({ body })
    await assert.rejects(ari.channels.list(), failsFor('protocol', /another shape/))
  }
  for (const [body, text] of [[{ message: { a: 1 } }, /500 Internal Server Error$/], [{ message: 5, error: 'no memory' }, /500 no memory$/], [[], /500 Internal/]] as const) {
    fake.answer = () => ({ status: 500, body })
    await assert.rejects(ari.channels.list(), failsFor('internal', text))
  }
})

scenario('a file that stops coming ends with the silence of Asterisk', async (fake) => {
  const client = fake.client()
  await client.connect()
  fake.answer = () => 'stalls'
  const response = await client.ari.storedRecording('r').getStoredFile()
  fake.silent = true
  await assert.rejects(response.arrayBuffer(), /no answer for/)
})

scenario('a command ends when nothing takes connections any more', async (fake) => {
  const client = fake.client({ keepalive: 60_000 })
  await client.connect()
  fake.answer = ({ path }) => (path.endsWith('/answer') ? 'never' : undefined)
  const command = assert.rejects(client.ari.channel('1').answer(), failsFor('connection', /ECONNREFUSED/))
  await fake.until('it is asked', () => fake.count('POST', '/channels/1/answer') === 1)
  fake.refuse()
  fake.socket.terminate()
  await command
})

scenario('a wait for the end of a channel that left ends with the gap in which that comes', async (fake) => {
  const client = fake.client()
  await client.connect()
  fake.enter('1')
  await client.waitFor('StasisStart')
  const destroyed = client.waitFor('ChannelDestroyed', { channel: '1' })
  const left = client.waitFor('StasisEnd')
  fake.send({ type: 'StasisEnd', application: 'x', channel: fake.channels.get('1') })
  await left
  await fake.until('it was asked who hears of it', () => fake.count('GET', '/applications/x') > 0)
  fake.channels.delete('1')
  fake.socket.terminate()
  await assert.rejects(destroyed, (error: unknown) => error instanceof EndedError && error.end === 'gap')
})

// Runs in a process of its own, to see that it ends by itself.
async function everything(library: { Client: typeof Client }, url: string): Promise<void> {
  const options = { url, username: 'u', password: 'p', app: 'x', onDisconnected: () => {} }
  const nothing = new library.Client({ ...options, url: 'http://127.0.0.1:1/ari' })
  await nothing.connect().catch(() => {}) // and is never closed
  const closed = new library.Client(options)
  await closed.connect()
  await closed.ari.asterisk.ping()
  void closed.waitFor('StasisStart', { channel: 'never' })
  await closed.close()
  const replaced = new library.Client(options)
  await replaced.connect()
  await replaced.ari.events.userEvent({ eventName: 'replace', application: 'x' })
  await replaced.done // and is never closed
  const lost = new library.Client(options)
  await lost.connect()
  await lost.ari.events.userEvent({ eventName: 'drop', application: 'x' })
  await lost.close()
  console.log('all done')
}

scenario('a program ends when its clients have', async (fake) => {
  fake.answer = ({ path }) => {
    if (path.endsWith('/replace')) fake.send({ type: 'ApplicationReplaced', application: 'x' })
    else if (path.endsWith('/drop')) fake.socket.terminate()
    else return undefined
    return { status: 204 }
  }
  const index = new URL('../src/index.js', import.meta.url).href
  const program = `${everything.toString()}\nawait everything(await import(${JSON.stringify(index)}), ${JSON.stringify(fake.url)})`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 15_000 })
  let said = ''
  child.stdout.on('data', (data) => (said += String(data)))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  assert.deepEqual({ said, code, signal }, { said: 'all done\n', code: 0, signal: null })
})
