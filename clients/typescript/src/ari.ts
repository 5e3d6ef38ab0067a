import { Commands, eventObjects, objectTable, operationTable } from './api.gen.js'
import { Requester, type ConnectionOptions } from './request.js'

/** Makes an object of a snapshot. */
export function bind(requester: Requester, type: string, snapshot: object): object {
  const { handle } = objectTable[type as keyof typeof objectTable]
  return new handle(requester, snapshot)
}

/** Makes objects of the snapshots in an event, in place. */
export function bindEvent(requester: Requester, event: { type: string } & Record<string, unknown>): void {
  const members = Object.hasOwn(eventObjects, event.type) ? eventObjects[event.type]! : {}
  for (const [member, type] of Object.entries(members)) {
    const snapshot = event[member]
    if (typeof snapshot === 'object' && snapshot !== null && !Array.isArray(snapshot)) event[member] = requester.bind(type, snapshot)
  }
}

/** Returns a requester for the operations of ARI. */
export function requesterFor(options: ConnectionOptions): Requester {
  return new Requester(options, operationTable, bind)
}

/** All commands of ARI, without an event websocket. */
export class Ari extends Commands {
  constructor(options: ConnectionOptions) {
    super(requesterFor(options))
  }
}
