/** How many tasks a lane holds before it drops those that may be dropped. */
export const laneLimit = 1000

interface Lane {
  waiting: (() => Promise<void>)[]
  dropped: number
}

/**
 * Lanes run tasks in order and one at a time for each key, and side by side for different keys. An idle lane costs nothing.
 */
export class Lanes {
  private readonly lanes = new Map<string, Lane>()
  private idle: (() => void)[] = []

  /** @param onDrop is told once for each time that a lane was full, when it has room again. */
  constructor(private readonly onDrop: (key: string, dropped: number) => void) {}

  /** Adds a task. One that isn't vital is dropped if its lane is full. */
  add(key: string, vital: boolean, task: () => Promise<void>): void {
    const lane = this.lanes.get(key)
    if (lane) {
      if (lane.waiting.length >= laneLimit && !vital) lane.dropped++
      else lane.waiting.push(task)
      return
    }
    const fresh: Lane = { waiting: [task], dropped: 0 }
    this.lanes.set(key, fresh)
    void this.run(key, fresh)
  }

  private async run(key: string, lane: Lane): Promise<void> {
    for (let task = lane.waiting.shift(); task; task = lane.waiting.shift()) {
      await task()
      if (lane.dropped > 0 && lane.waiting.length < laneLimit / 2) {
        this.onDrop(key, lane.dropped)
        lane.dropped = 0
      }
    }
    this.lanes.delete(key)
    if (this.lanes.size === 0) {
      for (const done of this.idle) done()
      this.idle = []
    }
  }

  /** Forgets what waits, but not what runs. */
  clear(): void {
    for (const lane of this.lanes.values()) lane.waiting = []
  }

  /** Resolves when nothing runs any more. */
  whenIdle(): Promise<void> {
    return this.lanes.size === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve))
  }
}
