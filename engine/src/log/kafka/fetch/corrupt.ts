/** Bytes of a record batch do not decode. Never leaves this folder: it becomes a problem of its partition. */
export class CorruptData extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'CorruptData'
  }
}
