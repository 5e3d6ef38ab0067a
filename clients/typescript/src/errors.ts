import type { components } from './openapi.gen.js'

/** Why a command failed, by the status of its answer; `connection` if there was none. */
export type Reason =
  | 'invalid' // 400, and what is refused before it is sent
  | 'unauthorized' // 401
  | 'forbidden' // 403
  | 'notFound' // 404: it is gone, an everyday result
  | 'conflict' // 409: the channel isn't in Stasis, or the id is taken
  | 'preconditionFailed' // 412: the channel isn't answered yet
  | 'tooLarge' // 413
  | 'unprocessable' // 422
  | 'internal' // 500
  | 'notImplemented' // 501
  | 'unavailable' // 503: Asterisk is starting
  | 'connection'
  | 'protocol' // the answer is no JSON
  | 'unknown'

const reasons: Record<number, Reason> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'notFound',
  409: 'conflict',
  412: 'preconditionFailed',
  413: 'tooLarge',
  422: 'unprocessable',
  500: 'internal',
  501: 'notImplemented',
  503: 'unavailable',
}

/** Returns what a status means. */
export function reasonOf(status: number): Reason {
  return reasons[status] ?? 'unknown'
}

/** A command that failed. */
export class AriError extends Error {
  override readonly name = 'AriError'
  /** The operation, such as `channelsAnswer`, with its method and path. */
  readonly operation: string
  readonly method: string
  readonly path: string
  /** The status of the answer; 0 if there was none. */
  readonly status: number
  readonly reason: Reason
  /** Asterisk's own words, if it gave any. They differ between versions. */
  readonly body: components['schemas']['Error'] | undefined

  constructor(what: {
    operation: string
    method: string
    path: string
    reason: Reason
    message: string
    status?: number
    body?: components['schemas']['Error'] | undefined
    cause?: unknown
  }) {
    const status = what.status ?? 0
    super(`${what.operation} (${what.method} ${what.path}): ${status > 0 ? `${status} ` : ''}${what.message}`, { cause: what.cause })
    this.operation = what.operation
    this.method = what.method
    this.path = what.path
    this.status = status
    this.reason = what.reason
    this.body = what.body
  }
}

export const isGone = (error: unknown) => error instanceof AriError && error.reason === 'notFound'

/** Why a channel is no longer in the application, or a wait is over. */
export type End =
  | 'leftStasis' // it left the application
  | 'destroyed' // it was hung up
  | 'gap' // it ended while there was no connection
  | 'replaced' // another program took the application over
  | 'closed' // the client was closed

/** What a wait is rejected with, and a handler's signal aborted, when what they are about has ended. */
export class EndedError extends Error {
  override readonly name = 'EndedError'
  readonly end: End
  /** The hangup cause, if the channel was destroyed. */
  readonly hangupCause: number | undefined

  constructor(end: End, message: string, causeCode?: number) {
    super(message)
    this.end = end
    this.hangupCause = causeCode
  }
}
