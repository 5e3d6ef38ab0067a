// How many there are at least before it is worth asking which of them are no more.
const leastPrune = 1000

/**
 * Made knows the channels that a client has made itself, for as long as they may be there. The ends of those that never come into an
 * application are told to nobody, so it asks for them now and then.
 */
export class Made {
  private readonly ids = new Map<string, boolean>() // true while the command that makes it is under way
  private pruneAt = leastPrune

  /** @param crowded is called when it is time to ask which channels there are, and to call prune. */
  constructor(private readonly crowded: () => void = () => {}) {}

  get size(): number {
    return this.ids.size
  }

  has(id: string): boolean {
    return this.ids.has(id)
  }

  /** A command is about to make a channel. Returns whether none of this id was known: its end is to be told then. */
  begin(id: string): boolean {
    if (this.ids.has(id)) return false
    this.ids.set(id, true)
    if (this.ids.size >= this.pruneAt) {
      this.pruneAt = Infinity // until the answer is there
      this.crowded()
    }
    return true
  }

  /** The command is over. One that was refused has made nothing. */
  end(id: string, refused: boolean): void {
    if (refused) this.ids.delete(id)
    else if (this.ids.has(id)) this.ids.set(id, false)
  }

  gone(id: string): void {
    this.ids.delete(id)
  }

  /** The channels of which can be asked now whether they are there still. */
  settled(): string[] {
    return [...this.ids].filter(([, pending]) => !pending).map(([id]) => id)
  }

  /** Forgets those of a list that aren't alive, or nothing if that could not be found out. */
  prune(ids: string[], alive: { has(id: string): boolean } | undefined): void {
    if (alive) for (const id of ids) if (!alive.has(id)) this.ids.delete(id)
    this.pruneAt = Math.max(leastPrune, 2 * this.ids.size)
  }
}
