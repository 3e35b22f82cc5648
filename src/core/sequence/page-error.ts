/** What a request for a page may be refused with. */
export type PageErrorStatus = 400 | 416 | 422

/**
 * A request that no page answers. `message` says what to send instead and may be shown to whoever asked; `status` and
 * `expose` are what Express and Koa go by when it is thrown.
 */
export class PageError extends Error {
  override readonly name: string = 'PageError'
  readonly code: string = 'ERR_BREAKWATER_PAGE'
  readonly expose = true
  readonly status: PageErrorStatus
  /** The most items that a page may have, where it was asked for more. */
  readonly maxSize: number | undefined
  /** The value of Content-Range for a 416; undefined where the length is not known. */
  readonly contentRange: string | undefined

  constructor(
    status: PageErrorStatus,
    message: string,
    more: { readonly maxSize?: number; readonly contentRange?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in more ? { cause: more.cause } : {})
    this.status = status
    this.maxSize = more.maxSize
    this.contentRange = more.contentRange
  }
}

/** A cursor that is not ours, not for this list, or too old. */
export class CursorError extends PageError {
  override readonly name = 'CursorError'
  override readonly code = 'ERR_BREAKWATER_CURSOR'
  /** `invalid`: changed, signed by an unknown key, or given for another route, filter or sort. */
  readonly reason: 'invalid' | 'expired'

  constructor(reason: 'invalid' | 'expired') {
    super(
      400,
      reason === 'expired'
        ? 'The cursor has expired: begin at the first page again'
        : 'The cursor is not one of this list: begin at the first page, and send cursors back as they are',
    )
    this.reason = reason
  }
}
