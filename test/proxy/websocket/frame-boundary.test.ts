import t from 'tap';
import { closeFrame, FrameBoundary } from '../../../src/proxy/websocket/frame-boundary.ts';

/** A frame with the given header bytes and payload. */
function frame(first: number, bytes: number, { masked = false, extended = 0 } = {}): Buffer {
  const mask = masked ? 0x80 : 0;
  const head =
    extended === 8 || bytes > 65_535
      ? [first, mask | 127, 0, 0, 0, 0, 0, 0, 0, 0]
      : extended === 2 || bytes > 125
        ? [first, mask | 126, 0, 0]
        : [first, mask | bytes];
  const header = Buffer.from([...head, ...(masked ? [1, 2, 3, 4] : [])]);
  if ((head[1] as number) % 128 === 127) header.writeBigUInt64BE(BigInt(bytes), 2);
  if ((head[1] as number) % 128 === 126) header.writeUInt16BE(bytes, 2);
  return Buffer.concat([header, Buffer.alloc(bytes, 'x')]);
}

const FRAMES: [string, Buffer][] = [
  ['empty text', frame(0x81, 0)],
  ['short text', frame(0x81, 5)],
  ['125 bytes', frame(0x82, 125)],
  ['126 bytes', frame(0x82, 126)],
  ['65,535 bytes', frame(0x82, 65_535)],
  ['65,536 bytes', frame(0x82, 65_536)],
  ['fragment', frame(0x01, 3)],
  ['continuation', frame(0x80, 3)],
  ['ping', frame(0x89, 4)],
  ['compressed', frame(0xc1, 9)],
  ['masked', frame(0x81, 5, { masked: true })],
  ['masked and long', frame(0x81, 70_000, { masked: true })],
  ['long form of a short length', frame(0x81, 5, { extended: 8 })],
];

t.test('a border is where a frame ends, wherever the stream is cut', async (t) => {
  for (const [name, bytes] of FRAMES) {
    const cuts =
      bytes.length > 200 ? [1, 2, 5, 13, 14, 15, bytes.length - 1] : bytes.map((_, at) => at).slice(1);
    for (const cut of cuts) {
      const boundary = new FrameBoundary();
      t.ok(boundary.isHere);
      const first = boundary.feed(bytes.subarray(0, cut));
      if (first !== -1 || boundary.isHere) t.fail(`${name}: a border after ${cut} bytes`);
      const rest = boundary.feed(bytes.subarray(cut));
      if (rest !== bytes.length - cut || !boundary.isHere)
        t.fail(`${name}: no border at the end, cut at ${cut}`);
    }
    t.notOk(new FrameBoundary().closing, name);
  }
});

t.test('the first boundary in a piece with several frames is found', async (t) => {
  const boundary = new FrameBoundary();
  t.equal(boundary.feed(Buffer.concat([frame(0x81, 5), frame(0x81, 6), frame(0x81, 7).subarray(0, 4)])), 7);
  t.notOk(boundary.isHere);
});

t.test('a frame of absurd length never ends', async (t) => {
  const boundary = new FrameBoundary();
  boundary.feed(Buffer.from([0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
  t.equal(boundary.feed(Buffer.alloc(100_000)), -1);
  t.notOk(boundary.isHere);
});

t.test('a Close frame of the backend is noticed', async (t) => {
  const boundary = new FrameBoundary();
  boundary.feed(closeFrame(1000, 'bye'));
  t.ok(boundary.closing);
});

t.test('a Close frame is unmasked and holds code and reason', async (t) => {
  t.same([...closeFrame(4001, 'token expired')], [0x88, 15, 0x0f, 0xa1, ...Buffer.from('token expired')]);
});
