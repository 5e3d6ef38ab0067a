// Records the control frames of a media websocket (chan_websocket), in both formats, from a real Asterisk 22:
//
//	make run-asterisk        # in another terminal; it prints ARI_URL, ARI_USERNAME and ARI_PASSWORD
//	node scripts/record-media.mjs ../../api/testdata/media
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import WebSocket from 'ws'
import { Client, newId } from '../dist/index.js'

const { ARI_URL: url, ARI_USERNAME: username, ARI_PASSWORD: password } = process.env
const folder = process.argv[2]
if (!url || !folder) throw new Error('want ARI_URL, ARI_USERNAME, ARI_PASSWORD and a folder')
mkdirSync(folder, { recursive: true })

const client = new Client({ url, username, password, app: `media-${newId().slice(4, 10)}` })
await client.connect()
const bridge = await client.ari.bridges.create({ type: 'mixing' })
const far = newId()
const started = client.waitFor('StasisStart', { channel: far })
await client.ari.channels.originate({ endpoint: 'Local/1011@default', app: client.apps[0], channelId: far })
await started
await bridge.addChannel({ channel: [far] })

/** One media websocket, and what goes over it. */
class Leg {
  lines = []
  waiting = []

  static async open(format, options, bridged = true) {
    const leg = new Leg()
    leg.format = format
    const channelId = newId()
    const started = client.waitFor('StasisStart', { channel: channelId })
    leg.channel = await client.ari.channels.externalMedia({
      app: client.apps[0], channelId, external_host: 'INCOMING', encapsulation: 'none', transport: 'websocket', connection_type: 'server',
      format: 'slin16', transport_data: `f(${format})${options}`,
    })
    const id = leg.channel.channelvars.MEDIA_WEBSOCKET_CONNECTION_ID
    leg.names = [[id, 'media-connection'], [leg.channel.name, 'WebSocket/INCOMING-0x000000000001'], [channelId, 'media-channel']]
    leg.ws = new WebSocket(url.replace(/^http/, 'ws').replace(/\/ari$/, `/media/${id}`), 'media')
    leg.closed = new Promise((resolve) => leg.ws.on('close', resolve))
    leg.ws.on('message', (data, binary) => {
      if (!binary) leg.note('received', String(data))
    })
    await leg.until('MEDIA_START')
    if (bridged) {
      await started
      await bridge.addChannel({ channel: [channelId] })
    }
    return leg
  }

  note(dir, text) {
    for (const [from, to] of this.names) text = text.replaceAll(from, to)
    this.lines.push(this.format === 'json' && text.startsWith('{') ? { dir, body: JSON.parse(text) } : { dir, text })
    this.waiting = this.waiting.filter(({ word, resolve }) => (text.includes(word) && dir === 'received' ? resolve() : true))
  }

  until(word) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.format}: no ${word}`)), 25_000)
      this.waiting.push({ word, resolve: () => void resolve(clearTimeout(timer)) })
    })
  }

  send(command, more = {}) {
    const text = this.format === 'json' ? JSON.stringify({ command, ...more }) : [command, ...Object.values(more)].join(' ')
    this.note('sent', text)
    this.ws.send(text)
  }

  raw(text) {
    this.note('sent', text)
    this.ws.send(text)
  }

  async ask(word, command, more) {
    const answer = this.until(word)
    this.send(command, more)
    await answer
  }

  audio(frames) {
    for (let left = frames; left > 0; left -= 10) this.ws.send(Buffer.alloc(640 * Math.min(10, left)))
  }
}

for (const format of ['json', 'plain-text']) {
  const leg = await Leg.open(format, '')
  await leg.ask('STATUS', 'GET_STATUS')
  leg.send('START_MEDIA_BUFFERING')
  leg.audio(5)
  await leg.ask('MEDIA_BUFFERING_COMPLETED', 'STOP_MEDIA_BUFFERING', { correlation_id: 'greeting-1' })
  await leg.ask('MEDIA_MARK_PROCESSED', 'MARK_MEDIA', { correlation_id: 'mark-1' })
  leg.audio(3)
  await leg.ask('QUEUE_DRAINED', 'REPORT_QUEUE_DRAINED')
  const digit = leg.until('DTMF_END')
  await client.ari.channel(leg.channel.id).sendDTMF({ dtmf: '5' })
  await digit
  leg.send('PAUSE_MEDIA')
  const off = leg.until('MEDIA_XOFF')
  leg.audio(910)
  await off
  const on = leg.until('MEDIA_XON')
  leg.send('CONTINUE_MEDIA')
  await on
  leg.send('FLUSH_MEDIA')
  await leg.ask('STATUS', 'GET_STATUS')
  if (format === 'json') {
    leg.send('SET_MEDIA_DIRECTION', { direction: 'in' })
    await leg.ask('ERROR', 'START_MEDIA_BUFFERING')
    const error = leg.until('ERROR')
    leg.raw('no JSON')
    await error
  }
  leg.send('HANGUP')
  await leg.closed

  const passing = await Leg.open(format, 'p')
  await passing.ask('ERROR', 'FLUSH_MEDIA')
  passing.send('HANGUP')
  await passing.closed

  const ringing = await Leg.open(format, 'n', false)
  ringing.send('ANSWER')
  await ringing.ask('STATUS', 'GET_STATUS')
  ringing.send('HANGUP')
  await ringing.closed

  const lines = [...leg.lines, ...passing.lines, ...ringing.lines]
  writeFileSync(join(folder, `${format}.jsonl`), lines.map((line) => JSON.stringify(line)).join('\n') + '\n')
  console.log(`${format}: ${lines.length} frames`)
}
await bridge.destroy()
await client.ari.channel(far).hangup()
await client.close()
