// What goes wrong at the worst moment: silence, callbacks that throw, ends that are lost, closing in between.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { test } from 'node:test'
import { Ari, AriError, EndedError, newId, type Client } from '../src/index.js'
import { Lanes } from '../src/lanes.js'
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

const ended = (end: string) => (error: unknown) => {
  assert.ok(error instanceof EndedError, String(error))
  assert.equal(error.end, end)
  return true
}

/** Fails if a promise isn't settled soon. */
const soon = <T>(what: string, promise: Promise<T>, ms = 3000): Promise<T> =>
  Promise.race([promise, sleep(ms, undefined, { ref: false }).then(() => assert.fail(`stuck: ${what}`))])

/** Runs f and returns the warnings that Node gave meanwhile. */
async function warningsOf(f: () => Promise<void>): Promise<string[]> {
  const seen: string[] = []
  const note = (warning: Error) => seen.push(`${warning.name}: ${warning.message}`)
  process.on('warning', note)
  try {
    await f()
    await sleep(10) // Warnings are given a tick later.
  } finally {
    process.off('warning', note)
  }
  return seen
}

// Silence.

scenario('a peer that falls silent while the client comes back is left, and tried again', async (fake) => {
  const client = fake.client()
  await client.connect()
  fake.answer = ({ path }) => {
    if (path !== '/applications/x') return undefined
    fake.silent = true // from here on
    return 'never'
  }
  fake.socket.terminate()
  await fake.until('it has asked', () => fake.silent)
  await fake.until('the silence is noticed', () => client.downs.length >= 2)
  fake.silent = false
  fake.answer = () => undefined
  await fake.until('it is back', () => client.ups.length === 2)
  assert.equal(client.connected, true)
})

scenario('a connection that is lost again while the client comes back is no reason to wait', async (fake) => {
  const client = fake.client({ keepalive: 60_000 })
  await client.connect()
  let asked = 0
  fake.answer = ({ path }) => (path === '/applications/x' && asked++ === 0 ? 'never' : undefined)
  fake.socket.terminate()
  await fake.until('it has asked', () => asked === 1)
  fake.socket.terminate()
  await fake.until('it is back', () => client.ups.length === 2)
})

scenario('what a newer Asterisk sends under the name of a command takes no place of it', async (fake) => {
  const client = fake.client()
  await client.connect()
  const started = client.waitFor('StasisStart')
  fake.channel('1', { hold: 'yes', requester: 1, constructor: 2, news: 3 })
  fake.send({ type: 'StasisStart', application: 'x', args: [], channel: fake.channels.get('1') })
  const { channel } = await soon('the event', started)
  await channel.hold()
  assert.equal(fake.count('POST', '/channels/1/hold'), 1)
  assert.equal((channel as unknown as { news: number }).news, 3)
})

scenario('a peer that answers pings, but no command, is left too', async (fake) => {
  const client = fake.client()
  await client.connect()
  let asked = 0
  fake.answer = ({ path }) => (path === '/applications/x' && asked++ === 0 ? 'never' : undefined)
  fake.socket.terminate()
  await fake.until('it is back', () => client.ups.length === 2)
  assert.equal(fake.sockets.length, 3)
  assert.match(client.downs[1]!.message, /no answer/)
})

scenario('close ends coming back, whatever that waits for', async (fake) => {
  const client = fake.client({ keepalive: 60_000 })
  await client.connect()
  fake.answer = ({ path }) => (path === '/channels' ? 'never' : undefined)
  fake.socket.terminate()
  await fake.until('it asks', () => fake.count('GET', '/channels') === 1)
  await soon('close', client.close())
  assert.equal(client.ups.length, 1)
})

scenario("close goes no further than its signal, also when Asterisk doesn't say goodbye", async (fake) => {
  const client = fake.client({ keepalive: 60_000 })
  await client.connect()
  fake.socket.pause() // It reads nothing any more.
  const impatience = new AbortController()
  const closed = client.close({ signal: impatience.signal })
  impatience.abort()
  await soon('close', closed, 500)
  await soon('close', client.close({ signal: AbortSignal.abort() }), 500)
})

scenario('close goes no further than its signal when a handler hangs', async (fake) => {
  const client = fake.client()
  await client.connect()
  client.on('StasisStart', () => fake.note(() => started++) as never)
  let started = 0
  client.on('StasisStart', () => new Promise(() => {}))
  fake.enter('1')
  await fake.until('the handler runs', () => started === 1)
  await soon('close', client.close({ signal: AbortSignal.timeout(50) }))
})

// Closing in between.

scenario('close while it connects ends that', async (fake) => {
  fake.hesitant = true
  const client = fake.client({ keepalive: 60_000 })
  const connected = client.connect()
  connected.catch(() => {})
  await sleep(20)
  await soon('close', client.close(), 1000)
  await assert.rejects(soon('connect', connected), ended('closed'))
  await assert.rejects(client.connect(), ended('closed'))
})

scenario('close while it subscribes for the first time ends that', async (fake) => {
  fake.answer = ({ path }) => (path.startsWith('/applications/x') ? 'never' : undefined)
  const client = fake.client({ keepalive: 60_000, subscriptions: ['endpoint:PJSIP'] })
  const connected = client.connect()
  connected.catch(() => {})
  await fake.until('it asks', () => fake.asked.length > 0)
  await soon('close', client.close(), 1000)
  await assert.rejects(soon('connect', connected), ended('closed'))
  assert.equal(client.ups.length, 0)
})

scenario('close before connect', async (fake) => {
  const client = fake.client()
  await soon('close', client.close())
  await assert.rejects(client.connect(), ended('closed'))
  assert.equal(fake.sockets.length, 0)
})

scenario('close at any moment of connecting', async (fake) => {
  const outcomes = new Set<string>()
  for (let ticks = 0; ticks < 60; ticks++) {
    const client = fake.client({ subscriptions: ['endpoint:PJSIP'], events: ['ChannelHold'], keepalive: 60_000 })
    const connected = client.connect().then(
      () => outcomes.add('connected'),
      (error: unknown) => ended('closed')(error) && outcomes.add('closed'),
    )
    for (let i = 0; i < ticks; i++) await new Promise((resolve) => setImmediate(resolve))
    await soon(`close after ${ticks} ticks`, client.close())
    await soon(`connect after ${ticks} ticks`, connected)
    assert.equal(client.connected, false)
    assert.equal((await client.done).end, 'closed')
  }
  assert.ok(outcomes.has('closed'))
  await fake.until('all websockets are closed', () => fake.sockets.every((socket) => socket.readyState === socket.CLOSED))
})

scenario('close, and a loss, at any moment of coming back', async (fake) => {
  for (const what of ['close', 'loss']) {
    for (let moment = 1; moment <= 5; moment++) {
      fake.answer = () => undefined
      const client = fake.client({ subscriptions: ['endpoint:PJSIP'], keepalive: 60_000 })
      await client.connect()
      const before = fake.sockets.length
      let asked = 0
      let over: Promise<void> | undefined
      fake.answer = ({ path }) => {
        if (path.startsWith('/events/') || ++asked !== moment) return undefined
        if (what === 'close') over = client.close()
        else fake.socket.terminate()
        return 'never'
      }
      fake.socket.terminate()
      if (what === 'close') {
        await fake.until('it is closed', () => over !== undefined || client.ups.length === 2)
        await soon('close', over ?? client.close())
        assert.equal(client.downs.length, 1, 'a closed client goes on')
      } else {
        await fake.until(`it is back after a loss at question ${moment}`, () => client.ups.length === 2)
        assert.ok(fake.sockets.length - before >= (asked > moment ? 2 : 1))
        await client.close()
      }
    }
  }
})

scenario('handlers may close, and wait for that', async (fake) => {
  const client = fake.client()
  await client.connect()
  let closed = 0
  for (const id of ['1', '2']) {
    client.on('StasisStart', async (event) => {
      if (event.channel.id !== id) return
      await sleep(20) // Both are at it at once.
      await client.close()
      fake.note(() => closed++)
    })
  }
  fake.enter('1')
  fake.enter('2')
  await fake.until('both have closed', () => closed === 2)
})

scenario('close waits for a handler although another one closes', async (fake) => {
  const client = fake.client()
  await client.connect()
  const order: string[] = []
  client.on('StasisStart', async ({ channel }, { signal }) => {
    if (channel.id === 'slow') {
      fake.note(() => order.push('begun'))
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await sleep(50)
      order.push('slow')
    } else {
      await client.close()
      fake.note(() => order.push('closed'))
    }
  })
  fake.enter('slow')
  await fake.until('it runs', () => order.length === 1)
  fake.enter('closer')
  await fake.until('it is closed', () => order.includes('closed'))
  assert.deepEqual(order, ['begun', 'slow', 'closed'])
})

// Callbacks that throw.

scenario("a match that throws ends its wait, and nobody else's", async (fake) => {
  const client = fake.client()
  await client.connect()
  const seen: string[] = []
  const wait = client.waitFor('StasisStart', { match: () => assert.fail('at once') })
  const other = client.waitFor('StasisStart')
  client.on('StasisStart', (event) => fake.note(() => seen.push(event.channel.id)))
  fake.enter('1')
  await assert.rejects(soon('the wait', wait), /at once/)
  assert.equal((await soon('the other', other)).channel.id, '1')
  fake.enter('2')
  await fake.until('both came', () => seen.length === 2)
})

scenario('onError may throw, and reject', async (fake) => {
  const written: unknown[] = []
  const log = console.error
  console.error = (...args: unknown[]) => fake.note(() => written.push(args))
  try {
    for (const onError of [() => assert.fail('in onError'), () => Promise.reject(new Error('in onError'))]) {
      const client = fake.client({ onError: onError as never })
      await client.connect()
      let seen = 0
      client.on('StasisStart', () => {
        fake.note(() => seen++)
        throw new Error('in a handler')
      })
      fake.enter('1')
      fake.send({ type: 'StasisEnd', application: 'x', channel: { id: '1' } })
      fake.enter('1', { timestamp: 'later' })
      await fake.until('both came', () => seen === 2)
      await fake.until('it is written', () => written.length >= 2)
      await soon('close', client.close())
    }
  } finally {
    console.error = log
  }
  assert.match(inspect(written), /in a handler/)
  assert.match(inspect(written), /in onError/)
})

scenario('onConnected and onDisconnected may throw, and reject', async (fake) => {
  const errors: string[] = []
  let ups = 0
  const client = fake.client({
    onConnected: () => {
      fake.note(() => ups++)
      if (ups === 1) throw new Error('up')
      return Promise.reject(new Error('up again')) as never
    },
    onDisconnected: () => assert.fail('down'),
    onError: (error) => fake.note(() => errors.push((error as Error).message)),
  })
  await client.connect()
  fake.socket.terminate()
  await fake.until('it is back', () => ups === 2)
  await fake.until('all are told', () => errors.length >= 3)
  assert.deepEqual(errors, ['up', 'down', 'up again'])
})

test('a lane goes on after a task that fails', async () => {
  const lanes = new Lanes(() => assert.fail('the listener'))
  const done: string[] = []
  lanes.add('a', false, () => Promise.reject(new Error('a task')))
  lanes.add('a', false, () => {
    throw new Error('at once')
  })
  lanes.add('a', false, async () => void done.push('a'))
  await soon('idle', lanes.whenIdle())
  assert.deepEqual(done, ['a'])
})

scenario('a handler may add handlers for the same event', async (fake) => {
  const client = fake.client()
  await client.connect()
  let calls = 0
  const add = () => {
    if (calls > 100) return
    client.on('StasisStart', () => {
      calls++
      add()
    })
  }
  add()
  let last = 0
  client.on('ChannelHold', () => fake.note(() => last++))
  fake.enter('1')
  fake.send({ type: 'ChannelHold', application: 'x', channel: { id: '1' } })
  await fake.until('it came', () => last === 1)
  assert.equal(calls, 1)
})

// Playbacks.

scenario('a playback whose end was lost in a gap is over', async (fake) => {
  const client = fake.client()
  await client.connect()
  fake.enter('1')
  const [lost, lasts] = [client.play('1', 'sound:a'), client.play('1', 'sound:b')]
  lost.catch(() => {})
  await fake.until('both play', () => fake.playbacks.size === 2)
  const [first, second] = [...fake.playbacks]
  fake.playbacks.delete(first!)
  fake.socket.terminate()
  await assert.rejects(soon('the lost one', lost), ended('gap'))
  fake.send({ type: 'PlaybackFinished', application: 'x', playback: { id: second, target_uri: 'channel:1', state: 'done' } })
  await soon('the other', lasts)
})

scenario('a playback whose end comes only after the answer that it is gone is played', async (fake) => {
  const client = fake.client()
  await client.connect()
  fake.enter('1')
  const play = client.play('1', 'sound:a')
  await fake.until('it plays', () => fake.playbacks.size === 1)
  const [id] = [...fake.playbacks]
  fake.playbacks.clear()
  fake.socket.terminate()
  await fake.until('it was asked for', () => fake.count('GET', /^\/playbacks/) === 1)
  await sleep(100)
  fake.send({ type: 'PlaybackFinished', application: 'x', playback: { id, target_uri: 'channel:1', state: 'done' } })
  await soon('the playback', play)
})

scenario('a playback that Asterisk gives up without a word is over', async (fake) => {
  const client = fake.client()
  await client.connect()
  fake.enter('1')
  const play = client.play('1', 'recording:nobody')
  play.catch(() => {})
  await fake.until('it plays', () => fake.playbacks.size === 1)
  fake.playbacks.clear()
  await assert.rejects(soon('the playback', play, 5000), ended('gap'))
})

scenario('a playback that was given up before it was answered is stopped', async (fake) => {
  const client = fake.client()
  await client.connect()
  let release: () => void = () => {}
  const late = new Promise<undefined>((resolve) => (release = () => resolve(undefined)))
  fake.answer = ({ path }) => (path === '/channels/1/play' ? late : undefined)
  const abort = new AbortController()
  const play = client.play('1', 'sound:a', { signal: abort.signal })
  play.catch(() => {})
  await fake.until('it is asked for', () => fake.count('POST', '/channels/1/play') === 1)
  abort.abort(new Error('enough'))
  await assert.rejects(soon('the playback', play), /enough/)
  release()
  await fake.until('it is stopped', () => fake.count('DELETE', /^\/playbacks\/ari-/) === 1)
})

scenario('a filter lets pass what the client lives by', async (fake) => {
  const client = fake.client({ events: ['ChannelUserevent'] })
  await client.connect()
  const own = ['StasisStart', 'StasisEnd', 'ChannelDestroyed', 'ApplicationReplaced', 'PlaybackFinished', 'RecordingFinished', 'RecordingFailed', 'BridgeDestroyed', 'RESTResponse']
  const types = (member: string) => {
    const last = fake.asked.filter((asked) => asked.path === '/applications/x/eventFilter').at(-1)!
    return (last.body[member] as { type: string }[] | undefined)?.map(({ type }) => type)
  }
  for (const type of ['ChannelUserevent', ...own]) assert.ok(types('allowed')?.includes(type), type)
  // Also one that is set later; and it is set again.
  await client.ari.application('x').filter({ allowed: [{ type: 'ChannelHold' }], disallowed: [{ type: 'PlaybackFinished' }, { type: 'Dial' }] })
  const check = () => {
    assert.ok(types('allowed')?.includes('PlaybackFinished'))
    assert.ok(types('allowed')?.includes('ChannelHold'))
    assert.ok(!types('allowed')?.includes('ChannelUserevent'))
    assert.deepEqual(types('disallowed'), ['Dial'])
  }
  check()
  fake.socket.terminate()
  await fake.until('it is back', () => client.ups.length === 2)
  assert.equal(fake.count('PUT', '/applications/x/eventFilter'), 3)
  check()
  // Other applications are none of its business.
  await client.ari.application('y').filter({ allowed: [{ type: 'ChannelHold' }] })
  assert.deepEqual(fake.asked.at(-1)!.body, { allowed: [{ type: 'ChannelHold' }] })
})

// Comparing after a gap.

scenario('a channel without the name of its dialplan application goes on', async (fake) => {
  const client = fake.client()
  await client.connect()
  for (const id of ['null', 'missing', 'bare', 'gone']) {
    const started = client.waitFor('StasisStart', { channel: id })
    fake.enter(id)
    await started
  }
  fake.channel('null', { dialplan: { context: 'default', exten: '1', priority: 1, app_name: null, app_data: null } })
  fake.channel('missing', { dialplan: { context: 'default', exten: '1', priority: 1 } })
  fake.channel('bare', { dialplan: undefined })
  fake.channels.delete('gone')
  fake.socket.terminate()
  await fake.until('it is back', () => client.ups.length === 2)
  assert.deepEqual(client.ups[1]!.ended, ['gone'])
})

scenario('a call that begins while channels are compared goes on', async (fake) => {
  const client = fake.client()
  await client.connect()
  let signal: AbortSignal | undefined
  client.on('StasisStart', (_event, context) => fake.note(() => (signal = context.signal)))
  fake.answer = ({ path }) => {
    if (path !== '/channels') return undefined
    // The list was made before the call came.
    fake.enter('new')
    return { body: [] }
  }
  fake.socket.terminate()
  await fake.until('it is back', () => client.ups.length === 2)
  await fake.until('the call', () => signal !== undefined)
  assert.deepEqual(client.ups[1]!.ended, [])
  assert.equal(signal!.aborted, false)
})

scenario('who came in, and who left, while there was no connection, is told of', async (fake) => {
  const client = fake.client()
  await client.connect()
  const calls: { id: string; args: readonly string[]; signal: AbortSignal }[] = []
  const ends: string[] = []
  client.onCall((channel, event, { signal }) => fake.note(() => calls.push({ id: channel.id, args: event.args, signal })))
  client.on('StasisEnd', (event) => fake.note(() => ends.push(event.channel.id)))
  for (const id of ['stays', 'leaves', 'returns']) fake.enter(id)
  await fake.until('they are here', () => calls.length === 3)
  const place = (more: object) => ({ dialplan: { context: 'default', exten: '1', priority: 1, app_name: 'Stasis', app_data: 'x,one,two', ...more } })
  fake.channel('enters', place({}))
  fake.channel('returns', place({ exten: '2' }))
  fake.channel('elsewhere', place({ app_data: 'y' }))
  fake.channel('dialplan', place({ app_name: 'Wait' }))
  fake.channels.delete('leaves')
  fake.socket.terminate()
  await fake.until('it is back', () => client.ups.length === 2)
  await fake.until('all are told', () => calls.length === 5 && ends.length === 2)
  assert.deepEqual(calls.slice(3).map(({ id, args }) => [id, ...args]), [['returns', 'one', 'two'], ['enters', 'one', 'two']])
  assert.deepEqual(ends, ['leaves', 'returns'])
  assert.deepEqual(client.ups[1]!.ended, ['leaves', 'returns'])
  assert.deepEqual(calls.map(({ signal }) => signal.aborted), [false, true, true, false, false])
  // What Asterisk says of that itself comes late, and is no news.
  fake.enter('enters', { args: ['one', 'two'] })
  fake.send({ type: 'StasisEnd', application: 'x', channel: { id: 'leaves' } })
  fake.send({ type: 'StasisEnd', application: 'x', channel: { id: 'enters' } })
  await fake.until('the real end', () => ends.length === 3)
  assert.deepEqual(ends, ['leaves', 'returns', 'enters'])
  assert.equal(calls.length, 5)
  assert.equal(calls[4]!.signal.aborted, true)
})

scenario("a channel that was moved to somebody else's application in the gap isn't taken", async (fake) => {
  const client = fake.client({ subscriptions: ['channel:'] })
  await client.connect()
  const calls: string[] = []
  client.onCall((channel) => fake.note(() => calls.push(channel.id)))
  fake.app = { ...fake.app, channel_ids: ['__AST_CHANNEL_ALL_TOPIC'] }
  for (const id of ['theirs', 'ours']) fake.channels.set(id, fake.channel(id))
  fake.app = { ...fake.app, channel_ids: ['__AST_CHANNEL_ALL_TOPIC'] }
  fake.answer = ({ path }) => (path === '/applications' ? { body: [{ name: 'x', ...fake.app }, { name: 'y', channel_ids: ['theirs'] }] } : undefined)
  fake.socket.terminate()
  await fake.until('it is back', () => client.ups.length === 2)
  await fake.until('ours', () => calls.length > 0)
  assert.deepEqual(calls, ['ours'])
})

scenario('a StasisStart that comes twice is one', async (fake) => {
  const client = fake.client()
  await client.connect()
  const seen: string[] = []
  client.onAny((event) => fake.note(() => seen.push(event.type)))
  const timestamp = '2026-03-01T09:30:00.123+0100'
  fake.enter('1', { timestamp })
  fake.enter('1', { timestamp })
  fake.send({ type: 'StasisEnd', application: 'x', channel: { id: '1' } })
  fake.enter('1', { timestamp }) // in the same millisecond
  fake.enter('1', { timestamp: '2026-03-01T09:30:00.125+0100' }) // its end was lost
  fake.send({ type: 'ChannelHold', application: 'x', channel: { id: '1' } })
  await fake.until('the last one', () => seen.includes('ChannelHold'))
  assert.deepEqual(seen, ['StasisStart', 'StasisEnd', 'StasisStart', 'StasisEnd', 'StasisStart', 'ChannelHold'])
})

scenario('a wait for a channel that has ended already ends', async (fake) => {
  const client = fake.client()
  await client.connect()
  for (const id of ['hungUp', 'left', 'goesOn']) fake.enter(id)
  fake.channels.delete('left')
  for (const id of ['left', 'goesOn']) fake.send({ type: 'StasisEnd', application: 'x', channel: { id } })
  const last = client.waitFor('ChannelDestroyed')
  fake.send({ type: 'ChannelDestroyed', application: 'x', cause: 16, channel: { id: 'hungUp' } })
  await last
  await assert.rejects(soon('hung up', client.waitFor('ChannelDtmfReceived', { channel: 'hungUp' })), ended('destroyed'))
  await assert.rejects(soon('left', client.waitFor('ChannelDtmfReceived', { channel: 'left' })), ended('leftStasis'))
  const [later, again] = [client.waitFor('ChannelDtmfReceived', { channel: 'goesOn' }), client.waitFor('StasisStart', { channel: 'hungUp' })]
  fake.send({ type: 'ChannelDtmfReceived', application: 'x', digit: '1', channel: { id: 'goesOn' } })
  assert.equal((await soon('the digit', later)).digit, '1')
  fake.enter('hungUp') // an id may be used again
  await soon('again', again)
  await soon('alive', Promise.all([client.waitFor('ChannelHold', { channel: 'hungUp' }), fake.send({ type: 'ChannelHold', application: 'x', channel: { id: 'hungUp' } })]))
})

scenario('calls that came in before a connect failed have ended', async (fake) => {
  fake.answer = ({ path, method }) => {
    if (path !== '/applications/x/subscription' || method !== 'POST') return undefined
    fake.enter('1')
    return { status: 422, body: { message: 'no' } }
  }
  const client = fake.client({ subscriptions: ['bridge:nobody'] })
  let signal: AbortSignal | undefined
  client.onCall((_channel, _event, context) => fake.note(() => (signal = context.signal)))
  await assert.rejects(client.connect(), (error: AriError) => error.reason === 'unprocessable')
  if (signal) assert.ok(ended('gap')(signal.reason))
  fake.answer = () => undefined
  await client.connect()
  const { channel } = await Promise.all([client.waitFor('StasisStart'), fake.enter('2')]).then(([event]) => event)
  assert.equal(channel.id, '2')
})

scenario('only what is missing is subscribed to again', async (fake) => {
  fake.app = { ...fake.app, endpoint_ids: ['PJSIP/a'], bridge_ids: ['__AST_BRIDGE_ALL_TOPIC'] }
  const client = fake.client({ subscriptions: ['endpoint:PJSIP/a', 'endpoint:PJSIP/b', 'bridge:', 'bridge:b1'] })
  await client.connect()
  const asked = () => fake.asked.filter(({ method, path }) => method === 'POST' && path === '/applications/x/subscription').map(({ query }) => query.get('eventSource'))
  assert.deepEqual(asked(), ['endpoint:PJSIP/b'])
  await client.ari.application('x').subscribe({ eventSource: ['deviceState:Stasis:a'] })
  await client.ari.application('x').unsubscribe({ eventSource: ['endpoint:PJSIP/b'] })
  fake.app = { channel_ids: [], bridge_ids: [], endpoint_ids: [], device_names: [] }
  fake.asked.length = 0
  fake.socket.terminate()
  await fake.until('it is back', () => client.ups.length === 2)
  assert.deepEqual(asked(), ['endpoint:PJSIP/a', 'bridge:', 'deviceState:Stasis:a'], 'bridge:b1 would come twice')
})

scenario('a connection over which no events come is given up', async (fake) => {
  const client = fake.client({ maxBackoff: 100 })
  await client.connect()
  const seen: string[] = []
  client.onAny((event) => fake.note(() => seen.push(event.type)))
  fake.answer = ({ path }) => (path.startsWith('/events/user/') && fake.sockets.length === 2 ? { status: 204 } : undefined)
  fake.socket.terminate()
  await fake.until('it is noticed', () => client.ups.length === 3)
  assert.match(client.downs.at(-1)!.message, /no events come/)
  await fake.until('it is looked again', () => fake.count('POST', /^\/events\/user/) === 2)
  fake.send({ type: 'Last' })
  await fake.until('the last one', () => seen.length > 0)
  assert.deepEqual(seen, ['Last'], 'its own events are nobody else\'s')
})

// Load.

scenario('commands take no more connections than Asterisk has, and what ends something never waits', async (fake) => {
  const client = fake.client({ keepalive: 60_000 })
  let release: () => void = () => {}
  const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)))
  let [now, most] = [0, 0]
  fake.answer = async ({ method }) => {
    if (method === 'DELETE') return undefined
    fake.note(() => (most = Math.max(most, ++now)))
    await held
    now--
    return undefined
  }
  const answers = Promise.all(Array.from({ length: 100 }, (_, i) => client.ari.channel(`a${i}`).answer()))
  await fake.until('all that wait by nature', () => now === 48)
  const reads = Promise.all(Array.from({ length: 100 }, () => client.ari.asterisk.ping()))
  await fake.until('and some more', () => now === 56)
  await soon('a hangup', client.ari.channel('a1').hangup())
  const impatient = client.ari.channel('late').answer({ signal: AbortSignal.timeout(20) })
  await assert.rejects(soon('the impatient one', impatient))
  release()
  await soon('all', Promise.all([answers, reads]), 10_000)
  assert.equal(most, 56)
  assert.equal(fake.count('POST', '/channels/late/answer'), 0)
})

// Listeners.

scenario('commands and waits leave nothing behind on a signal that they share', async (fake) => {
  const client = fake.client()
  await client.connect()
  const shared = new AbortController()
  const warnings = await warningsOf(async () => {
    await Promise.all(Array.from({ length: 60 }, () => client.ari.asterisk.ping({ signal: shared.signal })))
    fake.answer = ({ path }) => (path === '/asterisk/ping' ? 'never' : undefined)
    const waits = [
      ...Array.from({ length: 30 }, () => client.ari.asterisk.ping({ signal: shared.signal })),
      ...Array.from({ length: 30 }, () => client.waitFor('ChannelHold', { signal: shared.signal })),
      ...Array.from({ length: 30 }, () => client.waitFor('ChannelHold')),
    ]
    const all = Promise.allSettled(waits)
    await fake.until('they are sent', () => fake.count('GET', '/asterisk/ping') === 90)
    shared.abort(new Error('enough'))
    await client.close()
    const reasons = (await soon('all', all)).map((outcome) => String((outcome as PromiseRejectedResult).reason))
    assert.equal(reasons.filter((reason) => reason === 'Error: enough').length, 60)
  })
  assert.deepEqual(warnings, [])
})

scenario("a handler's signal may be listened to often", async (fake) => {
  const client = fake.client()
  await client.connect()
  const warnings = await warningsOf(async () => {
    let done = 0
    client.onAny((_event, { signal }) => {
      for (let i = 0; i < 20; i++) signal.addEventListener('abort', () => {})
      fake.note(() => done++)
    })
    fake.enter('1')
    fake.send({ type: 'Other' })
    await fake.until('both', () => done === 2)
  })
  assert.deepEqual(warnings, [])
})

scenario('an abort ends a command at once, and a command of an aborted signal is never sent', async (fake) => {
  const ari = new Ari({ url: fake.url, username: 'u', password: 'p' })
  await assert.rejects(ari.asterisk.ping({ signal: AbortSignal.abort(new Error('before')) }), /before/)
  assert.equal(fake.asked.length, 0)
})

// Credentials.

const secret = 'pa55w0rd'

scenario('the password is shown nowhere', async (fake) => {
  const client = fake.client({ password: secret, username: 'somebody' })
  await client.connect()
  fake.enter('1')
  const { channel } = await client.waitFor('StasisStart')
  const ari = new Ari({ url: fake.url, username: 'somebody', password: secret })
  const basic = Buffer.from(`somebody:${secret}`).toString('base64')
  assert.equal(fake.asked.every((asked) => asked.authorization === `Basic ${basic}`), true)
  const failed = await ari.channel('nobody').refresh().catch((error: unknown) => error)
  assert.ok(failed instanceof AriError)
  for (const what of [client, client.ari, ari, channel, failed]) {
    for (const text of [inspect(what, { depth: 20, showHidden: true, getters: true }), JSON.stringify(what), Object.values(what).map(String).join()]) {
      assert.ok(!text.includes(secret) && !text.includes(basic), text.slice(0, 2000))
    }
  }
})

test('a URL that holds a password is refused, and shown nowhere', () => {
  for (const url of [
    `http://somebody:${secret}@127.0.0.1:8088/ari`, `http://${secret}@127.0.0.1:8088/ari`, `http://somebody:${secret}@127.0.0.1:99999/ari`, `somebody:${secret}@127.0.0.1/ari`,
  ]) {
    for (const make of [() => new Ari({ url, username: 'u', password: 'p' }), () => void new Ari({ url, username: 'u', password: 'p' })]) {
      assert.throws(make, (error: Error) => {
        assert.ok(error instanceof TypeError)
        assert.ok(!inspect(error, { showHidden: true }).replace(/^ +at .*$/gm, '').includes(secret), inspect(error))
        assert.match(error.message, /user|http:\/\//)
        return true
      })
    }
  }
})

test('a URL that leads nowhere is refused', () => {
  for (const url of ['', '127.0.0.1:8088/ari', 'ws://127.0.0.1/ari', 'http://', 'http://127.0.0.1/ari?api_key=a:b', 'http://127.0.0.1/ari#x', undefined as unknown as string]) {
    assert.throws(() => new Ari({ url, username: 'u', password: 'p' }), TypeError, url)
  }
  assert.throws(() => new Ari({ url: 'http://127.0.0.1/ari', username: 'a:b', password: 'p' }), /colon/)
})

test('user and password go in clear text to this machine only, or where that is allowed', async () => {
  const make = (url: string, more: object = {}) => new Ari({ url, username: 'u', password: secret, ...more })
  const here = ['http://127.0.0.1/ari', 'http://127.8.9.1/ari', 'http://[::1]/ari', 'http://localhost:8088/ari', 'http://LOCALHOST./ari', 'http://a.localhost/ari', 'http://[::ffff:127.0.0.1]/ari']
  const near = [
    'http://10.1.2.3/ari', 'http://172.16.0.1/ari', 'http://172.31.255.255/ari', 'http://192.168.1.1/ari', 'http://169.254.1.1/ari', 'http://100.64.0.1/ari', 'http://100.127.255.255/ari',
    'http://[fd00::1]/ari', 'http://[fe80::1]/ari', 'http://[::ffff:10.0.0.1]/ari', 'http://asterisk:8088/ari', 'http://pbx.local/ari', 'http://pbx.internal/ari', 'http://pbx.home.arpa./ari',
  ]
  const far = [
    'http://example.com/ari', 'http://8.8.8.8/ari', 'http://172.32.0.1/ari', 'http://172.15.0.1/ari', 'http://100.128.0.1/ari', 'http://192.169.0.1/ari', 'http://11.0.0.1/ari',
    'http://[2001:db8::1]/ari', 'http://[::ffff:8.8.8.8]/ari', 'http://[fe00::1]/ari', 'http://notlocal.example/ari', 'http://localhost.example.com/ari', 'http://0.0.0.0/ari',
  ]
  assert.deepEqual(await warningsOf(async () => here.forEach((url) => make(url))), [])
  for (const url of near) {
    const warnings = await warningsOf(async () => [1, 2].forEach(() => make(url)))
    assert.equal(warnings.length, 1, `${url}: ${warnings.join()}`)
    assert.ok(warnings[0]!.includes(new URL(url).hostname) && !warnings[0]!.includes(secret), warnings[0])
  }
  const warnings = await warningsOf(async () => {
    for (const url of far) {
      assert.throws(() => make(url), (error: Error) => /cleartextCredentials/.test(error.message) && !error.message.includes(secret), url)
      make(url, { cleartextCredentials: true })
      make(url.replace('http:', 'https:'))
    }
  })
  assert.deepEqual(warnings, [])
})

scenario('credentials follow no redirection', async (fake) => {
  const other = await Fake.open()
  fake.answer = () => ({ status: 302, headers: { Location: `${other.url}/asterisk/ping` } })
  const ari = new Ari({ url: fake.url, username: 'u', password: 'p' })
  await assert.rejects(ari.asterisk.ping(), (error: AriError) => error.status === 302)
  assert.equal(other.asked.length, 0)
  await other.close()
})

// Own channels.

scenario('a channel that was refused, or is gone, is no own channel any more', async (fake) => {
  const client = fake.client()
  await client.connect()
  const calls: string[] = []
  client.onCall((channel) => fake.note(() => calls.push(channel.id)))
  const [refused, gone, own] = [newId(), newId(), newId()]
  fake.answer = ({ query }) => (query.get('channelId') === refused ? { status: 400, body: { message: 'no' } } : undefined)
  await assert.rejects(client.ari.channels.originate({ endpoint: 'Local/1@default', app: 'x', channelId: refused }))
  for (const channelId of [gone, own]) await client.ari.channels.originate({ endpoint: 'Local/1@default', app: 'x', channelId })
  const destroyed = client.waitFor('ChannelDestroyed')
  fake.send({ type: 'ChannelDestroyed', application: 'x', cause: 16, channel: { id: gone } })
  await destroyed
  for (const id of [refused, own, gone]) fake.enter(id)
  await fake.until('the last one', () => calls.includes(gone))
  assert.deepEqual(calls, [refused, gone])
})

scenario('channels whose end nobody hears of are forgotten', async (fake) => {
  const client = fake.client({ keepalive: 60_000 })
  await client.connect()
  const calls: string[] = []
  client.onCall((channel) => fake.note(() => calls.push(channel.id)))
  const ids = Array.from({ length: 1100 }, newId)
  fake.channel(ids[0]!) // All others are gone at once.
  const make = (channelId: string) => client.ari.channels.originate({ endpoint: 'Local/1@default', context: 'default', extension: '1', priority: 1, channelId })
  for (let i = 0; i < ids.length; i += 100) await Promise.all(ids.slice(i, i + 100).map(make))
  await fake.until('it asks', () => fake.count('GET', '/channels') > 0)
  await client.ari.asterisk.ping()
  fake.enter(ids[0]!)
  fake.enter(ids[1]!)
  await fake.until('the second', () => calls.length > 0)
  assert.deepEqual(calls, [ids[1]])
})

export type { Client }
