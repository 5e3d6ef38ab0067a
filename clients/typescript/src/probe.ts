import type { Aborts } from './aborts.js'
import type { Commands } from './api.gen.js'
import type { UnknownEvent } from './client.js'
import { AriError } from './errors.js'
import { newId } from './request.js'

// How long an event may be under way.
const patience = 2000

/**
 * A Probe finds out whether events come. When Asterisk notices the end of a connection only after the next one has come, it takes the
 * application down with the old one: then the new one is up and well, and silent for ever.
 */
export class Probe {
  private readonly name = newId() // of the user events that it sends: no other client has it
  private readonly awaited = new Map<string, () => void>() // by application

  /** Takes an event, and reports whether it is one of its own. */
  came(event: UnknownEvent): boolean {
    if (event.type !== 'ChannelUserevent' || event['eventname'] !== this.name) return false
    this.awaited.get(event['application'] as string)?.()
    return true
  }

  /** Reports whether an application gets no events. Where that can't be found out, it does. */
  async mute(ari: Commands, application: string, signal: AbortSignal, aborts: Aborts): Promise<boolean> {
    let came = false
    const over = new AbortController()
    this.awaited.set(application, () => {
      came = true
      over.abort()
    })
    const unlink = aborts.link(signal, () => over.abort())
    try {
      await ari.events.userEvent({ eventName: this.name, application }, { signal })
      await aborts.pause(patience, over.signal)
      // After the program has been busy for long, the event may be there, and not yet read.
      for (let i = 0; i < 2 && !came; i++) await new Promise((resolve) => setImmediate(resolve))
      return !came && !signal.aborted
    } catch (error) {
      return error instanceof AriError && error.reason === 'notFound'
    } finally {
      unlink()
      this.awaited.delete(application)
    }
  }
}
