/** Record headers as bytes: for each one u16 name size, u32 value size, name (UTF-8), value. */
type Headers = readonly (readonly [string, Uint8Array])[]

const SIZES = 6

export function headersSize(headers: Headers): number {
  let size = 0
  for (const [name, value] of headers) size += SIZES + Buffer.byteLength(name) + value.byteLength
  return size
}

/** @returns the number of bytes written, which is `headersSize(headers)`. */
export function writeHeaders(headers: Headers, target: Uint8Array): number {
  const out = Buffer.from(target.buffer, target.byteOffset, target.byteLength)
  let at = 0
  for (const [name, value] of headers) {
    const nameSize = out.write(name, at + SIZES, 'utf8')
    out.writeUInt16LE(nameSize, at)
    out.writeUInt32LE(value.byteLength, at + 2)
    out.set(value, at + SIZES + nameSize)
    at += SIZES + nameSize + value.byteLength
  }
  return at
}

export function readHeaders(bytes: Uint8Array): Headers {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headers: (readonly [string, Uint8Array])[] = []
  for (let at = 0; at < source.length; ) {
    const nameEnd = at + SIZES + source.readUInt16LE(at)
    const valueEnd = nameEnd + source.readUInt32LE(at + 2)
    headers.push([source.toString('utf8', at + SIZES, nameEnd), bytes.subarray(nameEnd, valueEnd)])
    at = valueEnd
  }
  return headers
}
