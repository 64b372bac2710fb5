/** What a frame of HTTP/2 is made of. */
interface FrameParts {
  readonly type: number;
  readonly flags?: number;
  readonly stream: number;
  readonly body: Buffer;
}

/** One frame of RFC 9113 §4.1. */
export function frame({ type, flags = 0, stream, body }: FrameParts): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}
