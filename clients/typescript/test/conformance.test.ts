// The conformance scenarios for order, reconnecting, comparing, errors and odd ids, on a simulated Asterisk and on a real one.
import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { AriError, EndedError, newId, type Events, type Reason } from '../src/index.js'
import { Scene, real, start, stop, type Server } from './server.js'

let server: Server

before(async () => {
  server = await start()
})
after(stop)

/** Runs one scenario, and cleans up after it. */
function scenario(name: string, run: (s: Scene, t: TestContext) => Promise<void>): void {
  test(name, { timeout: 60_000 }, async (t) => {
    const s = new Scene(server)
    try {
      await run(s, t)
    } finally {
      await s.end()
    }
  })
}

const failsFor = (reason: Reason) => (error: unknown) => {
  assert.ok(error instanceof AriError, String(error))
  assert.equal(error.reason, reason, error.message)
  return true
}

const endsBy = (...ends: string[]) => (error: unknown) => {
  assert.ok(error instanceof EndedError, String(error))
  assert.ok(ends.includes(error.end), error.end)
  return true
}

/** Waits until Asterisk knows that something is gone: it may answer a command to end it a little before. */
async function gone(thing: { refresh(): Promise<unknown> }): Promise<void> {
  for (;;) {
    try {
      await thing.refresh()
    } catch (error) {
      failsFor('notFound')(error)
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const say = (s: Scene, name: string, variables: Record<string, unknown> = {}) => s.ari.events.userEvent({ eventName: name, application: s.app, variables })

// Connecting.

scenario('connect resolves when events flow', async (s) => {
  const client = await s.client()
  assert.equal(client.connected, true)
  const came = client.waitFor('ChannelUserevent')
  await say(s, 'hello', { a: { b: [1, 'x'] } })
  const event = await came
  assert.equal(event.eventname, 'hello')
  assert.deepEqual((event.userevent as { a: unknown }).a, { b: [1, 'x'] })
  assert.deepEqual(s.ups, [{ reconnected: false, ended: [] }])
})

scenario('a wrong password is told at once', async (s) => {
  await assert.rejects(s.unconnected({ password: 'wrong' }).connect(), failsFor('unauthorized'))
  assert.deepEqual(s.outages, [])
})

scenario('connecting to nothing fails', async (s) => {
  const proxy = await s.proxy()
  proxy.down()
  await assert.rejects(s.unconnected({ url: proxy.url }).connect(), failsFor('connection'))
  await assert.rejects(s.unconnected({ url: s.server.url.replace(/ari$/, 'nowhere') }).connect(), failsFor('notFound'))
})

scenario('a failed connect can be tried again', async (s) => {
  const proxy = await s.proxy()
  const client = s.unconnected({ url: proxy.url })
  proxy.down()
  await assert.rejects(client.connect(), failsFor('connection'))
  proxy.up()
  await client.connect()
  assert.equal(client.connected, true)
})

scenario('one client may be several applications', async (s) => {
  const other = `${s.app}-other`
  const client = await s.client({ app: [s.app, other] })
  const came = client.waitFor('ChannelUserevent', { match: (event) => event.application === other })
  await s.ari.events.userEvent({ eventName: 'x', application: other })
  assert.equal((await came).eventname, 'x')
})

// Calls and order.

scenario('an application that is named twice is one', async (s) => {
  const client = await s.client({ app: [s.app, s.app] })
  const came = client.waitFor('ChannelUserevent', { match: (event) => event.eventname === 'twice' })
  await say(s, 'twice')
  await came
  assert.equal(client.connected, true)
})

scenario('a call comes in, is answered and hung up', async (s) => {
  const client = await s.client()
  let ended: unknown
  client.onCall(async (channel, _event, { signal }) => {
    assert.equal(channel.dialplan.app_name, 'Stasis')
    await channel.answer()
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    ended = signal.reason
    s.changed()
  })
  const { channel } = await s.call(client)
  await client.waitFor('ChannelStateChange', { channel: channel.id, match: (event) => event.channel.state === 'Up' }).catch(() => {})
  await channel.hangup({ reason: 'normal' })
  await s.until('the signal is aborted', () => ended !== undefined)
  assert.ok(endsBy('leftStasis', 'destroyed')(ended))
})

scenario("onCall gets calls, and not the client's own channels", async (s) => {
  const client = await s.client()
  const calls: string[] = []
  client.onCall((channel) => {
    calls.push(channel.id)
    s.changed()
  })
  const own = await s.channel(client)
  const { channel } = await s.call(client)
  await s.until('the call', () => calls.length > 0)
  assert.deepEqual(calls, [channel.id])
  assert.ok(!calls.includes(own.id))
})

scenario("a channel's events come in order and one at a time", async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  const order: string[] = []
  let running = 0
  client.on('ChannelVarset', async (event) => {
    if (!event.variable.startsWith('STEP') || event.channel?.id !== channel.id) return
    assert.equal(++running, 1, 'two at a time')
    // The later ones would overtake the earlier ones.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 8 - order.length)))
    order.push(event.value)
    running--
    s.changed()
  })
  for (let i = 0; i < 25; i++) await channel.setChannelVar({ variable: `STEP${i}`, value: String(i) })
  await s.until('all came', () => order.length === 25)
  assert.deepEqual(order, Array.from({ length: 25 }, (_, i) => String(i)))
  assert.deepEqual(s.errors, [])
})

scenario("one channel's slow handler holds up no other channel", async (s) => {
  const client = await s.client()
  const [slow, fast] = [await s.channel(client), await s.channel(client)]
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const seen: string[] = []
  client.on('ChannelVarset', async (event) => {
    if (event.variable !== 'MARK') return
    if (event.channel?.id === slow.id) await held
    seen.push(event.channel!.id)
    s.changed()
  })
  await slow.setChannelVar({ variable: 'MARK', value: '1' })
  await fast.setChannelVar({ variable: 'MARK', value: '1' })
  await s.until('the fast one', () => seen.includes(fast.id))
  assert.deepEqual(seen, [fast.id])
  release()
  await s.until('the slow one', () => seen.length === 2)
})

scenario("a handler that lives as long as its call doesn't hold up the call's other handlers", async (s) => {
  const client = await s.client()
  const digits: string[] = []
  client.on('StasisStart', (_event, { signal }) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())))
  client.on('ChannelDtmfReceived', (event) => {
    digits.push(event.digit)
    s.changed()
  })
  await s.channel(client, '1021') // presses keys
  await s.until('all digits', () => digits.length === 4)
  assert.deepEqual(digits, ['1', '2', '3', '#'])
})

scenario('what a command brings about can be awaited before it is sent', async (s) => {
  const client = await s.client()
  const channelId = newId()
  const started = client.waitFor('StasisStart', { channel: channelId })
  const made = await client.ari.channels.originate({ endpoint: 'Local/1011@default', app: s.app, appArgs: 'one,two', channelId })
  s.cleanup(() => s.ari.channel(channelId).hangup().catch(() => {}))
  assert.equal(made.id, channelId)
  const event = await started
  assert.deepEqual(event.args, ['one', 'two'])
  assert.equal(event.channel.state, 'Up')
})

scenario('a wait for something of a channel ends with the channel', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  const wait = client.waitFor('PlaybackFinished', { channel: channel.id })
  const destroyed = client.waitFor('ChannelDestroyed', { channel: channel.id })
  await Promise.all([assert.rejects(wait, endsBy('leftStasis', 'destroyed')), channel.hangup()])
  assert.equal((await destroyed).channel.id, channel.id) // It is told of after it has left.
  // Also for a channel that nobody answers.
  const channelId = newId()
  const never = client.waitFor('StasisStart', { channel: channelId })
  await client.ari.channels.originate({ endpoint: 'Local/1012@default', app: s.app, channelId })
  await assert.rejects(never, endsBy('destroyed'))
})

scenario('a wait for the end of a channel that goes on elsewhere lasts while the application hears of it', async (s) => {
  const client = await s.client()
  const application = client.ari.application(s.app)
  const { channel } = await s.call(client)
  await application.subscribe({ eventSource: [`channel:${channel.id}`] })
  const destroyed = client.waitFor('ChannelDestroyed', { channel: channel.id })
  const left = client.waitFor('StasisEnd', { channel: channel.id })
  await channel.continueInDialplan({ context: 'default', extension: '1011', priority: 1 })
  await left
  await channel.hangup()
  assert.equal((await destroyed).channel.id, channel.id)
  // Of this one it hears nothing more.
  const { channel: other } = await s.call(client)
  const never = client.waitFor('ChannelDestroyed', { channel: other.id })
  await other.continueInDialplan({ context: 'default', extension: '1011', priority: 1 })
  await assert.rejects(never, endsBy('leftStasis'))
})

scenario('a wait can be given up', async (s) => {
  const client = await s.client()
  const abort = new AbortController()
  const wait = client.waitFor('ChannelUserevent', { signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(wait, /enough/)
  await assert.rejects(client.waitFor('ChannelUserevent', { signal: abort.signal }), /enough/)
})

scenario('a handler that was taken away gets nothing more', async (s) => {
  const client = await s.client()
  let count = 0
  const remove = client.on('ChannelUserevent', () => {
    count++
    s.changed()
  })
  await say(s, 'one')
  await s.until('one', () => count === 1)
  remove()
  const second = client.waitFor('ChannelUserevent')
  await say(s, 'two')
  await second
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(count, 1)
})

scenario("a handler's error is reported and harms nobody", async (s) => {
  const client = await s.client()
  const names: string[] = []
  client.on('ChannelUserevent', () => {
    throw new Error('at once')
  })
  client.on('ChannelUserevent', () => Promise.reject(new Error('later')))
  client.on('ChannelUserevent', (event) => {
    names.push(event.eventname)
    s.changed()
  })
  await say(s, 'one')
  await say(s, 'two')
  await s.until('both came', () => names.length === 2 && s.errors.length === 4)
  assert.deepEqual(names, ['one', 'two'])
  assert.deepEqual(new Set(s.errors.map((error) => (error as Error).message)), new Set(['at once', 'later']))
})

scenario('several types have one handler', async (s) => {
  const client = await s.client()
  const types: string[] = []
  client.on(['StasisStart', 'StasisEnd'], (event) => {
    types.push(event.type)
    s.changed()
  })
  const channel = await s.channel(client)
  await channel.hangup()
  await s.until('both', () => types.length === 2)
  assert.deepEqual(types, ['StasisStart', 'StasisEnd'])
})

// Objects.

scenario('two channels meet in a bridge', async (s) => {
  const client = await s.client()
  const [a, b] = [await s.channel(client), await s.channel(client)]
  const bridge = await client.ari.bridges.create({ type: 'mixing', name: 'meeting' })
  s.cleanup(() => bridge.destroy().catch(() => {}))
  assert.equal(bridge.name, 'meeting')
  const entered = [a, b].map((channel) => client.waitFor('ChannelEnteredBridge', { channel: channel.id }))
  await bridge.addChannel({ channel: [a.id, b.id] })
  for (const event of await Promise.all(entered)) assert.equal(event.bridge.id, bridge.id)
  assert.deepEqual(new Set((await bridge.refresh()).channels), new Set([a.id, b.id]))
  assert.deepEqual(bridge.channels, [], 'a snapshot has changed')
  const left = client.waitFor('ChannelLeftBridge', { channel: a.id })
  await bridge.removeChannel({ channel: [a.id] })
  assert.equal((await left).channel.id, a.id)
  await bridge.destroy()
  await gone(bridge)
})

scenario('objects in events have their commands, and print as what Asterisk sent', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  const again = await channel.refresh()
  assert.equal(again.id, channel.id)
  assert.equal(JSON.parse(JSON.stringify(channel)).name, channel.name)
  assert.ok(!JSON.stringify(channel).includes(s.server.password))
  assert.ok((await client.ari.channels.list()).some((other) => other.id === channel.id))
})

scenario('a playback is over', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  await client.play(channel, 'sound:beep')
  const types = s.seen.map((event) => event.type)
  assert.ok(types.includes('PlaybackStarted') && types.includes('PlaybackFinished'), types.join(' '))
})

scenario('a playback can be stopped', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  const abort = new AbortController()
  const started = client.waitFor('PlaybackStarted', { channel: channel.id })
  const finished = client.waitFor('PlaybackFinished', { channel: channel.id })
  const play = client.play(channel, ['sound:vm-intro', 'sound:vm-intro'], { signal: abort.signal })
  play.catch(() => {})
  await started
  abort.abort(new Error('a key was pressed'))
  await assert.rejects(play, /a key was pressed/)
  await finished
})

scenario('a playback ends with its channel', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  const started = client.waitFor('PlaybackStarted', { channel: channel.id })
  const play = client.play(channel, 'sound:vm-intro')
  play.catch(() => {})
  await started
  await channel.hangup()
  // Asterisk tells that the playback is over, or that the channel has left, whichever comes first.
  await play.catch((error: unknown) => assert.ok(error instanceof EndedError || /failed/.test(String(error)), String(error)))
  await assert.rejects(client.play(channel, 'sound:beep'), failsFor('notFound'))
})

scenario('a recording is made, and its file is read', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client, '1010')
  const name = `ts/${newId()}`
  const live = await channel.record({ name, format: 'wav', ifExists: 'overwrite' })
  assert.equal(live.name, name)
  const finished = client.waitFor('RecordingFinished', { channel: channel.id })
  await live.stop()
  await finished
  const stored = client.ari.storedRecording(name)
  assert.equal((await stored.refresh()).format, 'wav')
  const file = await stored.getStoredFile()
  const data = Buffer.from(await file.arrayBuffer())
  assert.equal(data.subarray(0, 4).toString(), 'RIFF')
  await stored.deleteStored()
  await assert.rejects(stored.refresh(), failsFor('notFound'))
})

// Errors.

scenario('errors tell their reason, operation and text', async (s) => {
  const client = await s.client()
  await assert.rejects(client.ari.channel('nobody').answer(), (error: AriError) => {
    assert.equal(error.status, 404)
    assert.equal(error.operation, 'channelsAnswer')
    assert.equal(error.path, '/channels/nobody/answer')
    assert.equal(error.body?.message, 'Channel not found')
    return failsFor('notFound')(error)
  })
  const channel = await s.channel(client)
  await assert.rejects(client.ari.channels.originate({ endpoint: 'Local/1011@default', app: s.app, channelId: channel.id }), failsFor('conflict'))
  await assert.rejects(channel.hangup({ reason: 'nonsense' as 'busy' }), failsFor('invalid'))
  await assert.rejects(client.ari.application(s.app).subscribe({ eventSource: ['bridge:nobody'] }), failsFor('unprocessable'))
  await assert.rejects(client.ari.channels.originate({ endpoint: 'Nonsense/x', app: s.app }), failsFor('internal'))
  await assert.rejects(channel.record({ name: newId(), format: 'nonsense' }), failsFor('unprocessable'))
})

scenario('a channel that is not in Stasis is told from one that is gone', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  const peer = (await client.ari.channels.list()).find((other) => other.name === channel.name.replace(/;1$/, ';2'))!
  await assert.rejects(peer.answer(), failsFor('conflict'))
})

scenario('what Asterisk would take for something else is never sent', async (s) => {
  let sent = 0
  const fetch = (request: Request) => {
    sent++
    return globalThis.fetch(request)
  }
  const { ari } = s.unconnected({ fetch })
  for (const id of ['', '.', '..', 'x\0y', '\ud800', undefined as unknown as string]) {
    await assert.rejects(ari.channel(id).refresh(), failsFor('invalid'))
    await assert.rejects(ari.bridge(id).destroy(), failsFor('invalid'))
  }
  await assert.rejects(ari.channels.originate({ endpoint: '' }), failsFor('invalid'))
  await assert.rejects(ari.channels.originate({ endpoint: 'Local/1011@default', channelId: '' }), failsFor('invalid'))
  await assert.rejects(ari.bridge('x').addChannel({ channel: [] }), failsFor('invalid'))
  await assert.rejects(ari.bridge('x').addChannel({ channel: ['a', ''] }), failsFor('invalid'))
  await assert.rejects(ari.channel('x').setChannelVars({} as never), failsFor('invalid'))
  await assert.rejects(ari.bridges.create({ nonsense: 1 } as never), failsFor('invalid'))
  await assert.rejects(ari.channel('x').getChannelVars({ variables: ['A,B'] }), failsFor('invalid'))
  assert.equal(sent, 0)
})

scenario('no answer is an error of the connection', async (s) => {
  const proxy = await s.proxy()
  const { ari } = s.unconnected({ url: proxy.url })
  await ari.asterisk.ping()
  proxy.down()
  await assert.rejects(ari.asterisk.ping(), failsFor('connection'))
  await assert.rejects(ari.bridges.create(), failsFor('connection'))
  proxy.up()
  assert.equal((await ari.asterisk.ping()).ping, 'pong')
})

scenario('a command can be given up', async (s) => {
  const proxy = await s.proxy()
  const { ari } = s.unconnected({ url: proxy.url })
  await ari.asterisk.ping()
  proxy.freeze()
  const abort = new AbortController()
  const command = ari.asterisk.ping({ signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(command, /enough/)
})

scenario('a read-only answer of another shape is told', async (s) => {
  const ari = s.unconnected({ fetch: () => Promise.resolve(new Response('<html>', { status: 200, headers: { 'Content-Type': 'text/html' } })) }).ari
  await assert.rejects(ari.asterisk.ping(), failsFor('protocol'))
  const page = s.unconnected({ fetch: () => Promise.resolve(new Response('<html>', { status: 413 })) }).ari
  await assert.rejects(page.asterisk.ping(), failsFor('tooLarge'))
})

// Odd ids and values.

const oddIds = ['a b', 'a/b', 'a+b', 'a%2Fb', 'a%b', 'a?b=c', 'a#b', 'a&b', 'a;b', 'a,b', 'a"b', "a'b", 'a\\b', 'a:b@c', 'ünïcødé', '日本', '(a)', '[a]', 'a..b', '...']

scenario('odd ids go there and back', async (s) => {
  const client = await s.client()
  for (const odd of oddIds) {
    const bridgeId = `${odd} ${newId()}`
    const bridge = await client.ari.bridges.createWithId({ bridgeId })
    assert.equal(bridge.id, bridgeId)
    assert.equal((await bridge.refresh()).id, bridgeId)
    assert.ok((await client.ari.bridges.list()).some((other) => other.id === bridgeId))
    await bridge.destroy()
    await gone(bridge)
  }
})

scenario('odd values go there and back', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  for (const odd of [...oddIds, '', ' ', '1 + 1 = 2', 'a=b&c=d', '100 %', '{"a":1}', '\ttab']) {
    await channel.setChannelVar({ variable: 'ODD', value: odd })
    assert.equal((await channel.getChannelVar({ variable: 'ODD' })).value, odd)
  }
})

scenario('list items may hold commas', async (s) => {
  const client = await s.client()
  const bridgeId = `one, two ${newId()}`
  const bridge = await client.ari.bridges.createWithId({ bridgeId })
  s.cleanup(() => bridge.destroy().catch(() => {}))
  const app = client.ari.application(s.app)
  assert.ok((await app.subscribe({ eventSource: [`bridge:${bridgeId}`, 'endpoint:PJSIP'] })).bridge_ids.includes(bridgeId))
  assert.ok(!(await app.unsubscribe({ eventSource: [`bridge:${bridgeId}`] })).bridge_ids.includes(bridgeId))
  const channel = await s.channel(client)
  await channel.setChannelVars({ variables: { LIST: 'a-b-c', OTHER: 'x' } })
  assert.deepEqual((await channel.getChannelVars({ variables: ['LIST', 'OTHER', 'CUT(LIST,-,2)'] })).variables, { LIST: 'a-b-c', OTHER: 'x', 'CUT(LIST,-,2)': 'b' })
})

scenario("what doesn't fit into a request line goes into the body", async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  const long = 'x+ y/'.repeat(1600)
  await channel.setChannelVar({ variable: 'LONG', value: long })
  assert.equal((await channel.getChannelVar({ variable: 'LONG' })).value, long)
})

scenario('a new channel has its variables', async (s) => {
  const client = await s.client()
  const channelId = newId()
  const started = client.waitFor('StasisStart', { channel: channelId })
  const variables = { PLAIN: 'a, b', 'CALLERID(name)': 'Ada', REPORTED: { value: '1', report_events: true } }
  await client.ari.channels.originate({ endpoint: 'Local/1011@default', app: s.app, channelId, variables })
  const { channel } = await started
  s.cleanup(() => channel.hangup().catch(() => {}))
  assert.equal((await channel.getChannelVar({ variable: 'PLAIN' })).value, 'a, b')
  assert.deepEqual(channel.channelvars, { REPORTED: '1' })
})

scenario('a new bridge has its variables', async (s) => {
  const client = await s.client()
  const bridge = await client.ari.bridges.create({ name: 'with', variables: { A: '1, 2' } })
  s.cleanup(() => bridge.destroy().catch(() => {}))
  assert.equal(bridge.name, 'with')
  assert.equal((await bridge.getBridgeVar({ variable: 'A' })).value, '1, 2')
})

// Losing the connection.

scenario('a lost connection comes back', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url })
  proxy.cut()
  await s.until('it is back', () => s.ups.length === 2)
  assert.equal(s.ups[1]!.reconnected, true)
  assert.equal(s.outages.length > 0, true)
  const came = client.waitFor('ChannelUserevent')
  await say(s, 'again')
  assert.equal((await came).eventname, 'again')
})

scenario('it goes on trying for as long as Asterisk is away', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url })
  proxy.down()
  await s.until('several attempts failed', () => s.outages.length >= 4)
  assert.equal(client.connected, false)
  proxy.up()
  await s.until('it is back', () => s.ups.length === 2)
  assert.equal(client.connected, true)
})

scenario('many losses in a row are all repaired', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url })
  for (let i = 0; i < 5; i++) {
    proxy.cut()
    await s.until(`back for the ${i}th time`, () => s.ups.length === i + 2)
    const came = client.waitFor('ChannelUserevent')
    await say(s, `after ${i}`)
    assert.equal((await came).eventname, `after ${i}`)
  }
})

scenario('a connection that is half open is noticed', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url, keepalive: 200 })
  proxy.freeze()
  const command = client.ari.asterisk.ping()
  command.catch(() => {})
  await s.until('it is noticed', () => s.outages.length > 0)
  assert.equal(client.connected, false)
  await assert.rejects(command, failsFor('connection'))
  proxy.up()
  await s.until('it is back', () => s.ups.length === 2)
})

scenario('a program that was busy for long takes no silence of its own for that of Asterisk', async (s) => {
  const client = await s.client({ keepalive: 100 })
  // It runs right behind the client's own timer: the question is sent, and the answer not yet read when the next one is due.
  let times = 0
  await new Promise<void>((resolve) => {
    const busy = setInterval(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250)
      if (++times < 4) return
      clearInterval(busy)
      resolve()
    }, 100)
  })
  await new Promise((resolve) => setTimeout(resolve, 250))
  assert.deepEqual(s.outages, [])
  assert.equal(client.connected, true)
})

scenario('subscriptions are made again', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url, subscriptions: ['endpoint:PJSIP', 'bridge:'] })
  const before = await s.ari.application(s.app).refresh()
  assert.ok(before.endpoint_ids.includes('PJSIP'))
  proxy.cut()
  await s.until('it is back', () => s.ups.length === 2)
  const app = await s.ari.application(s.app).refresh()
  assert.ok(app.endpoint_ids.includes('PJSIP') && app.bridge_ids.length > 0, JSON.stringify(app))
  const created = client.waitFor('BridgeCreated')
  const bridge = await s.ari.bridges.create()
  s.cleanup(() => bridge.destroy().catch(() => {}))
  assert.equal((await created).bridge.id, bridge.id)
})

scenario("a source that is gone doesn't keep a client away", async (s) => {
  const bridge = await s.ari.bridges.create()
  const proxy = await s.proxy()
  await s.client({ url: proxy.url, subscriptions: [`bridge:${bridge.id}`, 'endpoint:PJSIP'] })
  proxy.down()
  await bridge.destroy()
  proxy.up()
  await s.until('it is back', () => s.ups.length === 2)
  assert.equal(s.errors.length, 1)
  assert.ok(failsFor('unprocessable')(s.errors[0]))
  assert.ok((await s.ari.application(s.app).refresh()).endpoint_ids.includes('PJSIP'))
})

scenario('an event filter holds, and lets those pass that the client lives by', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url, events: ['ChannelUserevent'] })
  proxy.cut()
  await s.until('it is back', () => s.ups.length === 2)
  const channel = await s.channel(client)
  await channel.setChannelVar({ variable: 'A', value: '1' })
  const destroyed = client.waitFor('ChannelDestroyed')
  await channel.hangup()
  await destroyed
  await say(s, 'x')
  await s.until('the wanted one', () => s.seen.some((event) => event.type === 'ChannelUserevent'))
  assert.ok(!s.seen.some((event) => event.type === 'ChannelVarset'), s.seen.map((event) => event.type).join(' '))
})

scenario('a playback is over although the filter has no word of it', async (s) => {
  const client = await s.client({ events: ['ChannelUserevent'] })
  const channel = await s.channel(client)
  await client.play(channel, 'sound:beep')
  await client.ari.application(s.app).filter({ allowed: [{ type: 'ChannelHold' }] })
  await client.play(channel, 'sound:beep')
})

scenario('a playback of nothing is over', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  await assert.rejects(client.play(channel, 'recording:nobody'), (error: unknown) => error instanceof EndedError || /failed/.test(String(error)))
})

scenario('a playback that ended in the gap is over', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url })
  const channel = await s.channel(client)
  const started = client.waitFor('PlaybackStarted', { channel: channel.id })
  const play = client.play(channel, 'sound:vm-intro')
  play.catch(() => {})
  const { playback } = await started
  proxy.down()
  await s.until('the loss is noticed', () => s.outages.length > 0)
  await s.ari.playback(playback.id).stop()
  await gone(s.ari.playback(playback.id))
  proxy.up()
  await assert.rejects(play, endsBy('gap'))
})

scenario('a caller who came in during the gap gets a handler', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url, subscriptions: ['endpoint:PJSIP'] })
  const calls: string[] = []
  client.onCall((channel) => {
    calls.push(channel.id)
    s.changed()
  })
  const { channel: before } = await s.call(client)
  await s.until('a call', () => calls.length === 1)
  // Its first connection is lost without its knowing; Asterisk sends what comes into that.
  proxy.freeze()
  const id = newId()
  await s.ari.channels.originate({ endpoint: `Local/app-${s.app}@default`, context: 'default', extension: '1011', priority: 1, channelId: id, otherChannelId: `${id}b` })
  s.cleanup(() => s.ari.channel(id).hangup().catch(() => {}))
  for (;;) {
    const channel = (await s.ari.channels.list()).find((one) => one.id === `${id}b`)
    if (channel?.dialplan.app_name === 'Stasis') break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  proxy.up()
  proxy.cut()
  await s.until('it is back', () => s.ups.length === 2)
  await s.until('the call', () => calls.length === 2)
  assert.deepEqual(calls, [before.id, `${id}b`])
  assert.deepEqual(s.ups[1]!.ended, [])
})

scenario('a call that ended in the gap ends here too', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url })
  const reasons: unknown[] = []
  client.on('StasisStart', (event, { signal }) => signal.addEventListener('abort', () => reasons.push(event.channel.id, signal.reason)))
  const [gone, stays] = [await s.channel(client), await s.channel(client)]
  const wait = client.waitFor('PlaybackFinished', { channel: gone.id })
  wait.catch(() => {})
  proxy.down()
  await s.until('the loss is noticed', () => s.outages.length > 0)
  await s.ari.channel(gone.id).hangup()
  proxy.up()
  await s.until('it is back', () => s.ups.length === 2)
  assert.deepEqual(s.ups[1]!.ended, [gone.id])
  assert.equal(reasons[0], gone.id)
  assert.ok(endsBy('gap')(reasons[1]))
  await assert.rejects(wait, endsBy('gap'))
  // The other one goes on, and its end is told as usual.
  const end = client.waitFor('StasisEnd', { channel: stays.id })
  await s.ari.channel(stays.id).hangup()
  await end
  assert.equal(reasons[2], stays.id)
  assert.ok(endsBy('leftStasis')(reasons[3]))
})

scenario('a channel that left the application in the gap has ended here', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url })
  const channel = await s.channel(client)
  proxy.down()
  await s.until('the loss is noticed', () => s.outages.length > 0)
  await s.ari.channel(channel.id).continueInDialplan({ context: 'default', extension: '1011', priority: 1 })
  while ((await s.ari.channel(channel.id).refresh()).dialplan.app_name.startsWith('Stasis')) await new Promise((resolve) => setTimeout(resolve, 10))
  proxy.up()
  await s.until('it is back', () => s.ups.length === 2)
  assert.deepEqual(s.ups[1]!.ended, [channel.id])
})

scenario('another client that takes the application over ends this one', async (s) => {
  const client = await s.client()
  const wait = client.waitFor('ChannelUserevent')
  wait.catch(() => {})
  const other = new Scene(s.server)
  s.cleanup(() => other.end())
  const taker = await other.client({ app: s.app })
  const end = await client.done
  assert.equal(end.end, 'replaced')
  await assert.rejects(wait, endsBy('replaced'))
  assert.equal(client.connected, false)
  const came = taker.waitFor('ChannelUserevent')
  await say(s, 'for the new one')
  await came
  assert.deepEqual(s.outages, [], 'it fights')
})

scenario('close ends everything', async (s) => {
  const client = await s.client()
  const channel = await s.channel(client)
  let aborted: unknown
  let finished = false
  client.on('ChannelUserevent', async (_event, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    aborted = signal.reason
    await new Promise((resolve) => setTimeout(resolve, 20))
    finished = true
  })
  await say(s, 'x')
  await s.until('it came', () => s.seen.some((event) => event.type === 'ChannelUserevent'))
  const wait = client.waitFor('PlaybackFinished', { channel: channel.id })
  wait.catch(() => {})
  await client.close()
  assert.equal(finished, true, 'close has not waited for the handler')
  assert.ok(endsBy('closed')(aborted))
  await assert.rejects(wait, endsBy('closed'))
  assert.equal((await client.done).end, 'closed')
  await client.close() // twice is once
  await assert.rejects(client.waitFor('ChannelUserevent'), endsBy('closed'))
})

scenario('close while it reconnects ends that', async (s) => {
  const proxy = await s.proxy()
  const client = await s.client({ url: proxy.url })
  proxy.down()
  await s.until('the loss is noticed', () => s.outages.length > 0)
  await client.close()
  proxy.up()
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.equal(s.ups.length, 1)
  if (!real) await assert.rejects(s.ari.application(s.app).refresh(), failsFor('notFound'))
})

// Each event that came during all of this had the type of one that is described; a compiler has checked what is read of it.
export type Described = Events[keyof Events]
