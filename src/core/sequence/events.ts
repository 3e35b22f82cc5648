/** Events of sequences, by channel name. */
export interface SequenceEvents {
  /** A term could not be had when part of the answer had been sent: only the answer itself could still tell. */
  'breakwater:sequence:broken': {
    readonly sequence: string
    /** Of the term that is missing. */
    readonly index: number
    readonly format: string
    readonly error: unknown
  }
  /** A function of a router's options threw: the client was refused. */
  'breakwater:sequence:fault': {
    readonly sequence: string
    readonly error: unknown
  }
}
