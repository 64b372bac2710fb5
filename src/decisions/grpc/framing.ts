import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** What precedes each message: a flag for compression, and its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const PREFIX_BYTES = 5;
const PREFIX = new Uint8Array(PREFIX_BYTES);

/** One message is written at a time. What was grown for one is there for the next. */
let writer = new BinaryWriter();

/** Starts a message with its prefix. One that was not ended is dropped. */
export function startMessage(): BinaryWriter {
  // What an error left behind.
  if (isOpen) writer = new BinaryWriter();
  isOpen = true;
  return writer.raw(PREFIX);
}

let isOpen = false;

/** Ends a message; gives it with its prefix. */
export function endMessage(ended: BinaryWriter): Buffer {
  const bytes = ended.finish();
  isOpen = false;
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  message.writeUInt32BE(message.length - PREFIX_BYTES, 1);
  return message;
}
