const M = 1000000007n;
let [a, b] = [0n, 1n];
for (const bit of BigInt(require('fs').readFileSync(0, 'utf8').trim()).toString(2)) {
  [a, b] = [(a * ((2n * b - a + M) % M)) % M, (a * a + b * b) % M];
  if (bit === '1') [a, b] = [b, (a + b) % M];
}
console.log(String(a));
