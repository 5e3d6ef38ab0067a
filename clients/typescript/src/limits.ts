import type { Aborts } from './aborts.js'

// How many requests are under way at once. Asterisk takes 100 connections from all its clients together. Some operations wait by nature,
// behind what plays on a channel; they must never take all there are, or nothing could be sent any more that ends their waiting.
const maxWaiting = 48
const maxOrdinary = 56 // those that wait included

const waits = new Set(['channelsAnswer', 'channelsSetChannelVar', 'channelsSetChannelVars', 'bridgesAddChannel', 'bridgesRemoveChannel'])
const ends = new Set(['playbacksControl', 'recordingsStop', 'channelsContinueInDialplan', 'channelsMove', 'channelsRedirect'])

/** Tokens are handed out in the order in which they are asked for. */
export class Tokens {
  private readonly queue = new Set<() => void>()

  constructor(private free: number) {}

  async take(signal: AbortSignal, aborts: Aborts): Promise<void> {
    if (this.free > 0) {
      this.free--
      return
    }
    let mine: () => void = () => {}
    const turn = new Promise<void>((resolve) => (mine = resolve))
    this.queue.add(mine)
    try {
      await aborts.race(turn, signal)
    } catch (error) {
      if (!this.queue.delete(mine)) this.give() // It was its turn at the same moment.
      throw error
    }
  }

  give(): void {
    const [next] = this.queue
    if (next) {
      this.queue.delete(next)
      next()
    } else this.free++
  }
}

/** Limits keep the number of connections well under Asterisk's. What ends something never waits. */
export class Limits {
  private readonly waiting = new Tokens(maxWaiting)
  private readonly ordinary = new Tokens(maxOrdinary)

  /** Runs f when there is room for it. It rejects with the signal's reason when that comes first. */
  async run<T>(operation: string, method: string, signal: AbortSignal, aborts: Aborts, f: () => Promise<T>): Promise<T> {
    if (method === 'DELETE' || ends.has(operation)) return f()
    const needed = waits.has(operation) ? [this.waiting, this.ordinary] : [this.ordinary]
    const taken: Tokens[] = []
    try {
      for (const tokens of needed) {
        await tokens.take(signal, aborts)
        taken.push(tokens)
      }
      return await f()
    } finally {
      for (const tokens of taken) tokens.give()
    }
  }
}
