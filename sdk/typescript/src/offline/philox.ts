/**
 * Random numbers equal on all platforms: Philox 4x64, ten rounds (Salmon et al., "Parallel
 * random numbers: as easy as 1, 2, 3", 2011), as in numpy and the service.
 */

const MASK = (1n << 64n) - 1n;
const M0 = 0xd2e7470ee14c6c93n;
const M1 = 0xca5a826395121157n;
const W0 = 0x9e3779b97f4a7c15n;
const W1 = 0xbb67ae8584caa73bn;

/** The first number in [0, 1) of the stream of a seed and a row. */
export function draw(seed: number, row: number): number {
  let [k0, k1] = [BigInt(row), BigInt(seed)];
  let [a, b, c, d] = [1n, 0n, 0n, 0n]; // numpy counts before it draws
  for (let round = 0; round < 10; round += 1) {
    const [high, low] = [M0 * a, M1 * c];
    [a, b, c, d] = [(low >> 64n) ^ b ^ k0, low & MASK, (high >> 64n) ^ d ^ k1, high & MASK];
    k0 = (k0 + W0) & MASK;
    k1 = (k1 + W1) & MASK;
  }
  return Number(a) / 2 ** 64;
}
