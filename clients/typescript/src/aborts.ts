import { setMaxListeners } from 'node:events'

/** The longest time that a timer takes, in milliseconds: one that is longer fires at once. */
export const longestTime = 2 ** 31 - 1

interface Entry {
  all: Set<() => void>
  listener: () => void
}

/** Aborts tell many of the end of few signals: each signal has one listener, however many want to know. */
export class Aborts {
  private readonly bySignal = new Map<AbortSignal, Entry>()

  /** Calls f when the signal is aborted, at once if it is already. Returns what undoes that. */
  link(signal: AbortSignal | undefined, f: () => void): () => void {
    if (!signal) return () => {}
    if (signal.aborted) {
      f()
      return () => {}
    }
    let entry = this.bySignal.get(signal)
    if (!entry) {
      const all = new Set<() => void>()
      const listener = () => {
        this.bySignal.delete(signal)
        for (const tell of [...all]) tell()
      }
      entry = { all, listener }
      this.bySignal.set(signal, entry)
      signal.addEventListener('abort', listener, { once: true })
    }
    const { all, listener } = entry
    const tell = () => f() // The same function may be linked twice.
    all.add(tell)
    return () => {
      if (!all.delete(tell) || all.size > 0 || this.bySignal.get(signal)?.all !== all) return
      this.bySignal.delete(signal)
      signal.removeEventListener('abort', listener)
    }
  }

  /** Resolves like a promise, or rejects with the signal's reason when that comes first. */
  race<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const unlink = this.link(signal, () => reject(signal!.reason))
      promise.then(resolve, reject).finally(unlink)
    })
  }

  /** Resolves after some time, or when the signal is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        unlink()
        resolve()
      }
      const timer = setTimeout(done, ms)
      let unlink = () => {}
      unlink = this.link(signal, done)
    })
  }
}

/** A controller whose signal may have any number of listeners: those of everybody who wants to know of one end. */
export function manyMayListen(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}
