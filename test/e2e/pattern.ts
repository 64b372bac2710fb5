import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

const BLOCK = 64 * 1024;

/** A stream of `bytes` bytes that differ from block to block, made on the way. */
export function patternStream(bytes: number): Readable {
  let sent = 0;
  return new Readable({
    highWaterMark: BLOCK,
    read() {
      if (sent >= bytes) {
        this.push(null);
        return;
      }
      const block = patternBlock(sent / BLOCK, Math.min(BLOCK, bytes - sent));
      sent += block.length;
      this.push(block);
    },
  });
}

/** The SHA-256 of what `patternStream` gives. */
export function patternHash(bytes: number): string {
  const hash = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += BLOCK) {
    hash.update(patternBlock(sent / BLOCK, Math.min(BLOCK, bytes - sent)));
  }
  return hash.digest('hex');
}

/** The SHA-256 and the length of what a stream gives. */
export async function hashOf(stream: AsyncIterable<Buffer>): Promise<{ hash: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { hash: hash.digest('hex'), bytes };
}

function patternBlock(index: number, bytes: number): Buffer {
  const block = Buffer.alloc(bytes, `block ${index} `);
  if (bytes >= 4) block.writeUInt32BE(index, 0);
  return block;
}
