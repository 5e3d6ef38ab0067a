import type { Aborts } from './aborts.js'
import { EndedError, isGone } from './errors.js'

// After which time a playback whose end may never be told is asked for first, and how long a word of it may be under way.
const firstAsked = 500

/** Whether Asterisk may end a playback without a word: of a recording that doesn't exist, a number that is none, or of an unknown kind. */
export function mayEndUntold(media: string[]): boolean {
  return !media.every((one) => /^(sound|tone):/.test(one))
}

/** Returns what asks for a playback, and aborts over if it is no more and nobody tells. */
export function asker(
  playback: { readonly id: string; refresh(init: { signal: AbortSignal }): Promise<unknown> },
  over: AbortController,
  aborts: Aborts,
): () => Promise<void> {
  return async () => {
    try {
      await playback.refresh({ signal: over.signal })
    } catch (error) {
      if (!isGone(error)) return
      await aborts.pause(firstAsked, over.signal) // Its event may still be under way.
      over.abort(new EndedError('gap', `playback ${playback.id} has ended, and nobody was told how`))
    }
  }
}

/** Asks now and then. While there is no connection nothing is asked: the end of the gap will. */
export async function askOften(ask: () => Promise<void>, connected: () => boolean, signal: AbortSignal, aborts: Aborts): Promise<void> {
  for (let pause = firstAsked; !signal.aborted; pause *= 2) {
    await aborts.pause(pause, signal)
    if (!signal.aborted && connected()) await ask()
  }
}
