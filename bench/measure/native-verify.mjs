// CPU time of one native signature verification per algorithm, in microseconds, as JSON. Run it pinned.
import { generateKeyPairSync, sign, verify } from 'node:crypto';

const signed = Buffer.alloc(600, 'a');
const algorithms = {
  RS256: ['sha256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ES256: ['sha256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  EdDSA: [null, generateKeyPairSync('ed25519')],
};
const result = {};
for (const [name, [hash, { publicKey, privateKey }]] of Object.entries(algorithms)) {
  const dsaEncoding = 'ieee-p1363';
  const signature = sign(hash, signed, { key: privateKey, dsaEncoding });
  const times = [];
  for (let run = 0; run < 6; run += 1) {
    const before = process.cpuUsage();
    for (let index = 0; index < 1000; index += 1) {
      if (!verify(hash, signed, { key: publicKey, dsaEncoding }, signature))
        throw new Error('does not verify');
    }
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  result[name] = times.sort((left, right) => left - right)[2];
}
process.stdout.write(JSON.stringify(result));
