import { AsyncLocalStorage } from 'node:async_hooks'

/** Tasks know which handlers run, and whether they are asked from within one of them. */
export class Tasks {
  private readonly running = new Set<object>()
  private readonly inside = new AsyncLocalStorage<object>()
  private idle: (() => void)[] = []

  async run(f: () => void | Promise<void>): Promise<void> {
    const task = {}
    this.running.add(task)
    try {
      await this.inside.run(task, f)
    } finally {
      this.over(task)
    }
  }

  /** Resolves when none runs any more. Who asks from within one doesn't wait for that, nor does anybody else: it would be for ever. */
  whenIdle(): Promise<void> {
    const asking = this.inside.getStore()
    if (asking) this.over(asking)
    return this.running.size === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve))
  }

  private over(task: object): void {
    this.running.delete(task)
    if (this.running.size > 0) return
    for (const done of this.idle.splice(0)) done()
  }
}
