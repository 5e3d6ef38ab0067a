/** How many tasks a lane holds before it drops those that may be dropped. */
export const laneLimit = 1000

interface Lane {
  waiting: (() => Promise<void> | void)[]
  dropped: number
}

/**
 * Lanes run tasks in order and one at a time for each key, and side by side for different keys. An idle lane costs nothing. Tasks are
 * expected not to fail: a failure is nobody's, and the lane goes on.
 */
export class Lanes {
  private readonly lanes = new Map<string, Lane>()
  private idle: (() => void)[] = []

  /** @param onDrop is told twice for each time that a lane was full: of the first that is dropped, and of how many there were when it has room again. */
  constructor(private readonly onDrop: (key: string, dropped: number, over: boolean) => void) {}

  /** Adds a task. One that isn't vital is dropped if its lane is full. It never runs before add returns. */
  add(key: string, vital: boolean, task: () => Promise<void> | void): void {
    const lane = this.lanes.get(key)
    if (!lane) {
      const fresh: Lane = { waiting: [task], dropped: 0 }
      this.lanes.set(key, fresh)
      void this.run(key, fresh)
    } else if (lane.waiting.length < laneLimit || vital) lane.waiting.push(task)
    else if (++lane.dropped === 1) this.tell(key, 1, false)
  }

  private async run(key: string, lane: Lane): Promise<void> {
    await undefined
    for (let task = lane.waiting.shift(); task; task = lane.waiting.shift()) {
      try {
        await task()
      } catch {
        // The next ones can do nothing for it.
      }
      if (lane.dropped > 0 && lane.waiting.length < laneLimit / 2) {
        const { dropped } = lane
        lane.dropped = 0
        this.tell(key, dropped, true)
      }
    }
    this.lanes.delete(key)
    if (this.lanes.size > 0) return
    for (const done of this.idle.splice(0)) done()
  }

  private tell(key: string, dropped: number, over: boolean): void {
    try {
      this.onDrop(key, dropped, over)
    } catch {
      // It is told to nobody then.
    }
  }

  /** Forgets what waits, but not what runs. */
  clear(): void {
    for (const lane of this.lanes.values()) lane.waiting.length = 0
  }

  /** Resolves when nothing runs any more. */
  whenIdle(): Promise<void> {
    return this.lanes.size === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve))
  }
}
